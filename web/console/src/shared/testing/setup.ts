/** Before each test file: what the test's browser lacks, and Chinese as the language. */
import { enableAutoUnmount } from '@vue/test-utils'
import { afterEach, beforeEach } from 'vitest'
import { switchLang } from '@/shared/words'

enableAutoUnmount(afterEach)
beforeEach(() => {
  localStorage.clear()
  switchLang('zh')
})
