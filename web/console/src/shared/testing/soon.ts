/** Waits until it holds, as long as that takes on a busy machine; on its own the framework gives up after a second. */
import { vi } from 'vitest'

export const soon = (holds: () => void): Promise<void> => vi.waitFor(holds, 15_000)
