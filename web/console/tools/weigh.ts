/** Prints what a first visit loads (log-in, shell, dashboard with its chart) and fails above the limit. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const LIMIT_KB = 300
const DIST = join(import.meta.dirname, '../../../huimeng/entry/console/dist')
// What is opened one after the other on a first visit; the chart comes with the first figures.
const OPENED = [/^index\.html$/, /^src\/app\/(LoginPage|ShellLayout)\.vue$/, /^src\/rooms\/dashboard\//, /chart-engine/]

interface Chunk {
  file: string
  css?: string[]
  imports?: string[]
}

const manifest = JSON.parse(readFileSync(join(DIST, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>
const scripts = new Set<string>()
const styles = new Set<string>()

function take(name: string): void {
  const chunk = manifest[name]
  if (!chunk || scripts.has(chunk.file)) return
  if (chunk.file.endsWith('.js')) scripts.add(chunk.file)
  for (const sheet of chunk.css ?? []) styles.add(sheet)
  for (const next of chunk.imports ?? []) take(next)
}

for (const name of Object.keys(manifest)) if (OPENED.some((pattern) => pattern.test(name))) take(name)

const size = (file: string, ending: string): number =>
  statSync(join(DIST, existsSync(join(DIST, file + ending)) ? file + ending : file)).size
const total = (files: Set<string>, ending: string): number =>
  [...files].reduce((sum, file) => sum + size(file, ending), 0) / 1000

const script = total(scripts, '.br')
console.log(
  `首次打开 / first load: ${scripts.size} scripts ${script.toFixed(1)} kB br (${total(scripts, '.gz').toFixed(1)} kB gz), ` +
    `${styles.size} style sheets ${total(styles, '.br').toFixed(1)} kB br; limit ${LIMIT_KB} kB`,
)
if (script > LIMIT_KB) {
  for (const file of scripts) console.error(`${(size(file, '.br') / 1000).toFixed(1).padStart(8)} kB  ${file}`)
  process.exit(1)
}
