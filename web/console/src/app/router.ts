/** Addresses: log-in and password stand alone, everything else within the shell; each room brings its own. */
import { createRouter, createWebHistory, type RouteRecordRaw, type Router, type RouterHistory } from 'vue-router'
import { useComeback } from './comeback'
import { begin, end } from './progress'
import { menuFor, rooms } from './rooms'
import ShellLayout from './ShellLayout.vue'
import { isFilesLost } from '@/shared/api'
import { carried } from '@/shared/api/lasting'
import type { Room } from '@/shared/room'
import { useSession } from '@/shared/session'
import type { Pair } from '@/shared/words'

declare module 'vue-router' {
  interface RouteMeta {
    /** Also for who isn't logged in. */
    open?: boolean
    title?: Pair
    permission?: string
    room?: string
  }
}

function routesOf(room: Room): RouteRecordRaw[] {
  return room.pages.map((page) => ({
    path: page.path,
    name: page.name ?? page.path,
    component: page.page,
    props: page.props ?? true,
    meta: { title: page.title ?? room.title, permission: page.permission ?? room.permission, room: room.name },
  }))
}

const routes = (): RouteRecordRaw[] => [
  {
    path: '/login',
    name: 'login',
    component: () => import('./LoginPage.vue'),
    meta: { open: true, title: { zh: '登录', en: 'Log in' } },
  },
  {
    path: '/password',
    name: 'password',
    component: () => import('./PasswordPage.vue'),
    meta: { title: { zh: '修改密码', en: 'Change password' } },
  },
  {
    path: '/',
    component: ShellLayout,
    children: [
      { path: '', name: 'start', component: () => import('./StartPage.vue') },
      ...rooms.flatMap(routesOf),
      {
        path: ':rest(.*)*',
        name: 'nowhere',
        component: () => import('./NowherePage.vue'),
        meta: { title: { zh: '没有这个页面', en: 'No such page' } },
      },
    ],
  },
]

/** Only an address of our own: what stands in a link may send nobody elsewhere. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && next.startsWith('/') && !next.startsWith('//') && !next.includes('\\') ? next : '/'
}

export function makeRouter(history: RouterHistory = createWebHistory()): Router {
  let filesLost = false
  const router = createRouter({
    history,
    routes: routes(),
    scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? undefined : { top: 0 }),
  })
  guard(router, () => filesLost)
  router.afterEach(end)
  router.onError(async (error: unknown, to) => {
    end()
    filesLost ||= isFilesLost(error)
    // After an update the page that is open asks for files of the version before.
    if (!isFilesLost(error) || sessionStorage.getItem('renewed') || !(await isServerThere())) return
    sessionStorage.setItem('renewed', '1')
    location.assign(to.fullPath)
  })
  // At the log-in nobody is to be asked by a dialog too.
  carried.comeBack = () => (router.currentRoute.value.meta.open ? Promise.resolve(false) : useComeback().ask())
  return router
}

const isServerThere = (): Promise<boolean> =>
  fetch(new Request('/healthz', { method: 'HEAD' })).then(
    () => true,
    () => false,
  )

function guard(router: Router, isLacking: () => boolean): void {
  router.beforeEach(async (to, from) => {
    begin()
    // A file that failed once is not asked for again by this page: it would come without its looks.
    if (isLacking() && (await isServerThere())) {
      location.assign(to.fullPath)
      return false
    }
    const session = useSession()
    if (!session.asked) await session.load()
    if (!session.current) {
      if (to.meta.open) return true
      const query: Record<string, string> = to.fullPath === '/' ? {} : { next: to.fullPath }
      // The address that is printed at the start names the merchant, so that nobody has to type it.
      if (typeof to.query.merchant === 'string') return { name: 'login', query: { merchant: to.query.merchant } }
      return { name: 'login', query }
    }
    if (session.mustChangePassword && to.name !== 'password') {
      return { name: 'password', query: { next: to.name === 'login' ? safeNext(to.query.next) : to.fullPath } }
    }
    if (to.name === 'login') return from.name === 'login' ? true : safeNext(to.query.next)
    if (to.name === 'start') {
      const first = menuFor(session.can)[0]?.rooms[0]
      if (first) return { path: first.pages[0].path, replace: true }
    }
    return true
  })
  router.afterEach(() => sessionStorage.removeItem('renewed'))
}
