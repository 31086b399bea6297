/** How a target's CPU can be profiled: through its admin port (V8, Go), or from outside (Python). */
export type Profiler =
  | { readonly kind: 'v8'; readonly adminUrl: string }
  | { readonly kind: 'pprof'; readonly adminUrl: string }
  | { readonly kind: 'py-spy'; readonly command: string; readonly pid: number }
