/**
 * Whoever sent a form that is refused sees why: the first wrong field, or else the note, comes into view and has the
 * focus. Forms need nothing for it: it listens to all of them, and useSubmit tells when the server refuses. What sends
 * without a form calls showFault() itself. The header that covers a part of the page: scroll-padding in style.css.
 */
import { nextTick } from 'vue'

const WRONG = '[aria-invalid="true"]'
const CONTROL = 'input, select, textarea, button, [tabindex]'

/** Within the form, or else the dialog that is open, or the page. */
export async function showFault(form?: Element): Promise<void> {
  await nextTick()
  const within = form ?? document.querySelector('dialog[open] form') ?? document.querySelector('main')
  const fault = [...(within?.querySelectorAll<HTMLElement>(`${WRONG}, [role="alert"]`) ?? [])].find(
    (each) => each.matches(WRONG) || each.textContent?.trim(),
  )
  if (!fault) return
  fault.closest('details')?.setAttribute('open', '')
  ;(fault.closest('.field') ?? fault).scrollIntoView({ block: 'nearest' })
  const inner = fault.matches(WRONG) && !fault.matches(CONTROL) ? fault.querySelector<HTMLElement>(CONTROL) : null
  const target = inner ?? fault
  if (!target.matches(CONTROL)) target.tabIndex = -1
  target.focus({ preventScroll: true })
}

addEventListener('submit', (event) => void showFault(event.target as Element))
