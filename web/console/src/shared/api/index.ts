export { api, ok, okTagged, type Schemas } from './client'
export { asProblem, isAbort, isFilesLost, Problem } from './problem'
export { upload } from './upload'
