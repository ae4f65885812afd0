/** What holds for the whole console and no compiler says. */
import { expect, test } from 'vitest'
import { menuFor, rooms } from './rooms'
import { i18n } from '@/shared/words'

const HAN = /\p{Script=Han}/u
const templates = import.meta.glob<string>('../**/*.vue', { query: '?raw', import: 'default', eager: true })
const words = import.meta.glob('../**/words.ts', { eager: true })

const templateOf = (source: string): string =>
  source.slice(source.indexOf('<template>'), source.lastIndexOf('</template>'))

test('users read words from words.ts only', () => {
  const found = Object.entries(templates).filter(([, source]) =>
    HAN.test(templateOf(source).replace(/<!--.*?-->/gs, '')),
  )
  expect(found.map(([name]) => name)).toEqual([])
})

test('templates have no style attribute, which the policy refuses, and no HTML out of a text', () => {
  const found = Object.entries(templates).filter(([, source]) => /\s(style="|v-html)/.test(templateOf(source)))
  expect(found.map(([name]) => name)).toEqual([])
})

test('both languages have the same values in each text, and Chinese is Chinese', () => {
  expect(Object.keys(words).length).toBeGreaterThan(2)
  const { zh, en } = i18n.global.messages.value as unknown as Record<
    'zh' | 'en',
    Record<string, Record<string, string>>
  >
  const values = (text: string): string[] =>
    [...text.matchAll(/\{(\w+)\}/g)].map((found) => String(found[1])).toSorted()
  for (const [space, texts] of Object.entries(zh)) {
    for (const [name, text] of Object.entries(texts)) {
      const found = values(en[space]?.[name] ?? '')
      const plural = found.filter((value) => value.endsWith('_s'))
      expect([space, name, ...found.filter((value) => !plural.includes(value))]).toEqual([space, name, ...values(text)])
      expect(values(text), `${space}.${name}`).toEqual(
        expect.arrayContaining(plural.map((value) => value.slice(0, -'_s'.length))),
      )
      expect(HAN.test(en[space]?.[name] ?? '') && name !== 'language', `${space}.${name} in English`).toBe(false)
    }
  }
})

test('rooms have names and addresses of their own, and the menu shows what may be opened', () => {
  const names = rooms.map((room) => room.name)
  const paths = rooms.flatMap((room) => room.pages.map((page) => page.path))
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(paths).size).toBe(paths.length)
  expect(menuFor(() => false).flatMap((each) => each.rooms)).toEqual(rooms.filter((room) => !room.permission && false))
  const shown = menuFor((permission) => permission === 'settings:read').flatMap((each) =>
    each.rooms.map((room) => room.name),
  )
  expect(shown).toContain('stores')
})
