import { defineWords } from '@/shared/words'

export default defineWords('trend', { time: '时间', week: '{day}起一周' }, { time: 'Time', week: 'Week of {day}' })
