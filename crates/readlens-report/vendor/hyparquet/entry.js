// What the page browse.html calls. Only this, and what it calls, is in the bundle.
export { decompress } from 'fzstd'
export { parquetMetadataAsync, parquetRead } from 'hyparquet'
