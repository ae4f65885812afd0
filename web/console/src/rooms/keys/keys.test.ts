import { flushPromises } from '@vue/test-utils'
import { expect, it, test } from 'vitest'
import { curlOf, PURPOSES, purposeOf, rateOf, stateOf, type Key } from './key'
import KeyNew from './KeyNew.vue'
import { mountPage } from '@/shared/testing/mount'

const KEY: Key = {
  key_id: 3,
  name: '收银机',
  scopes: PURPOSES.till,
  created_at: '2026-01-01T00:00:00Z',
  expires_at: null,
  last_used_day: null,
  rate_limit: null,
  revoked_at: null,
}

test('purposes, states, rates and the call to try', () => {
  expect([purposeOf(PURPOSES.shop), purposeOf(['*']), purposeOf(['orders:read'])]).toEqual(['shop', 'all', 'own'])
  expect(stateOf({ ...KEY, expires_at: '2026-01-02T00:00:00Z' }, Date.parse('2026-01-03'))).toBe('expired')
  expect([rateOf(''), rateOf('20'), rateOf('0'), rateOf('-1'), rateOf('100001')]).toEqual([
    null,
    20,
    0,
    undefined,
    undefined,
  ])
  expect(curlOf('hm_1', ['analytics:read'], 'https://x')).toBe(
    'curl -H "Authorization: Bearer hm_1" "https://x/v1/analytics/overview"',
  )
})

it('creates a key for a purpose, and shows its secret with a call', async () => {
  const { wrapper, calls } = await mountPage(KeyNew, {
    answers: {
      'GET /v1/permissions': { permissions: [], roles: [] },
      'POST /v1/api-keys': { key: KEY, token: 'hm_1_3_secret' },
    },
  })
  await wrapper.get('form').trigger('submit')
  expect(calls.some((call) => call.method === 'POST')).toBe(false)
  await wrapper.get('input[maxlength="100"]').setValue('收银机')
  await wrapper.get('input[value=report]').setValue()
  await wrapper.get('form').trigger('submit')
  await flushPromises()
  expect(calls.find((call) => call.method === 'POST')?.body).toEqual({
    name: '收银机',
    scopes: PURPOSES.report,
    expires_at: null,
    rate_limit: null,
  })
  const secrets = wrapper.findAll<HTMLInputElement>('.secret input').map((each) => each.element.value)
  expect(secrets[0]).toBe('hm_1_3_secret')
  expect(secrets[1]).toContain('Bearer hm_1_3_secret')
})
