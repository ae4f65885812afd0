/** Whether a page is on its way, for the thin bar at the top. */
import { ref } from 'vue'

export const underWay = ref(false)
// A page that is there at once needs no bar.
const AFTER_MS = 120
let timer: ReturnType<typeof setTimeout> | undefined

export function begin(): void {
  clearTimeout(timer)
  timer = setTimeout(() => (underWay.value = true), AFTER_MS)
}

export function end(): void {
  clearTimeout(timer)
  underWay.value = false
}
