/** Light, dark, or as the device has it. */
import { computed, ref, watchEffect } from 'vue'
import { keep, kept } from '@/shared/kept'

export type Theme = 'auto' | 'light' | 'dark'

const device = matchMedia('(prefers-color-scheme: dark)')
const deviceDark = ref(device.matches)
device.addEventListener('change', (event) => (deviceDark.value = event.matches))

const saved = kept('theme')
export const theme = ref<Theme>(saved === 'light' || saved === 'dark' ? saved : 'auto')
export const isDark = computed(() => theme.value === 'dark' || (theme.value === 'auto' && deviceDark.value))

export function switchTheme(wanted: Theme): void {
  theme.value = wanted
  keep('theme', wanted === 'auto' ? null : wanted)
}

watchEffect(() => document.documentElement.classList.toggle('dark', isDark.value))
