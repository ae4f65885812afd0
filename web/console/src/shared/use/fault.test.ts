import { flushPromises, mount } from '@vue/test-utils'
import { expect, it, vi } from 'vitest'
import { defineComponent, ref } from 'vue'
import { useSubmit } from './submit'
import { Problem } from '@/shared/api'
import { i18n } from '@/shared/words'
import FormField from '@/shared/ui/FormField.vue'
import ProblemNote from '@/shared/ui/ProblemNote.vue'

/** Two fields that must not be empty, the second one folded away, and a server that refuses. */
const Page = defineComponent({
  components: { FormField, ProblemNote },
  setup() {
    const form = ref({ name: '', code: '' })
    const tried = ref(false)
    const save = useSubmit(() => Promise.reject(new Problem(0, 'network', 'away')))
    const submit = (): void => {
      tried.value = true
      if (form.value.name && form.value.code) void save.send()
    }
    const missing = (typed: string): string => (tried.value && !typed ? 'missing' : '')
    return { form, save, submit, missing }
  },
  template: `<main><form @submit.prevent="submit">
    <ProblemNote :problem="save.error" />
    <FormField label="name" :wrong="missing(form.name)" v-slot="field"><input v-model="form.name" v-bind="field" /></FormField>
    <details><FormField label="code" :wrong="missing(form.code)" v-slot="field"><input v-model="form.code" v-bind="field" /></FormField></details>
    <button>go</button>
  </form></main>`,
})

it('brings what was refused into view, the first wrong field or else the note', async () => {
  const shown = vi.spyOn(Element.prototype, 'scrollIntoView')
  const page = mount(Page, { global: { plugins: [i18n] }, attachTo: document.body })
  const [name, code] = page.findAll('input')
  const send = async (): Promise<Element | null> => {
    page.get('button').element.focus()
    await page.get('form').trigger('submit')
    await flushPromises()
    return document.activeElement
  }
  expect(await send()).toBe(name?.element)
  await name?.setValue('a')
  // Also when it is tried again with the same fault, and where it is folded away.
  expect(await send()).toBe(code?.element)
  expect(await send()).toBe(code?.element)
  expect(page.get('details').attributes('open')).toBe('')
  await code?.setValue('b')
  expect((await send())?.textContent).toBe('away')
  expect(shown).toHaveBeenCalledTimes(4)
})
