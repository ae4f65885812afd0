/** Before each test: nobody logged in, nothing remembered, and Chinese as the language. */
import { enableAutoUnmount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach } from 'vitest'
import { switchLang } from '@/shared/words'

enableAutoUnmount(afterEach)
beforeEach(() => {
  localStorage.clear()
  setActivePinia(createPinia())
  switchLang('zh')
})
