import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import components from 'unplugin-vue-components/vite'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import { defineConfig } from 'vite'
import { press } from './tools/press.ts'

const backend = process.env.HUIMENG_URL ?? 'http://127.0.0.1:8000'
// Tests look at what is said and done, not at Element Plus' style sheets.
const importStyle = process.env.VITEST ? false : 'css'

export default defineConfig({
  plugins: [
    vue(),
    // <el-…> in a template is imported where it is used, with its styles; own components are imported by hand.
    components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle, directives: false })] }),
    press(),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __INTLIFY_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: '../../huimeng/entry/console/dist',
    emptyOutDir: true,
    manifest: true,
    target: 'baseline-widely-available',
    // The policy lets fonts, scripts and styles come from files only, so nothing is put inline.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // echarts, which its pages load when they are opened.
    chunkSizeWarningLimit: 800,
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(['/v1', '/docs', '/openapi.json'].map((path) => [path, { target: backend }])),
  },
})
