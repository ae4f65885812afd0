import { defineConfig, mergeConfig } from 'vitest/config'
import vite from './vite.config.ts'

export default mergeConfig(
  vite,
  defineConfig({
    test: {
      environment: 'happy-dom',
      setupFiles: ['./src/shared/testing/setup.ts'],
      css: false,
      // A page with many parts on a busy machine.
      testTimeout: 20_000,
    },
  }),
)
