/** Writes .br and .gz beside each built file that gains by it, so that the server compresses nothing while it serves. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const TEXT = /\.(js|css|html|svg|json)$/
// Below this a packet carries it anyway.
const WORTH_BYTES = 1000

export function press(): Plugin {
  let folder = ''
  return {
    name: 'press',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (!TEXT.test(name) || name.startsWith('.vite')) continue
        const plain = readFileSync(join(folder, name))
        if (plain.length < WORTH_BYTES) continue
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
        for (const [ending, packed] of [
          ['.br', brotliCompressSync(plain, { params })],
          ['.gz', gzipSync(plain, { level: 9 })],
        ] as const) {
          if (packed.length < plain.length) writeFileSync(join(folder, name + ending), packed)
        }
      }
    },
  }
}
