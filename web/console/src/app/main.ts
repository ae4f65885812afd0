import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { makeRouter } from './router'
import { i18n, lang, switchLang } from '@/shared/words'
import 'element-plus/theme-chalk/base.css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import './style.css'

switchLang(lang())
createApp(App).use(createPinia()).use(i18n).use(makeRouter()).mount('#app')
