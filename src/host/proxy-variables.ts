const names = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'];

/** The variables by which programs are told of proxies, in both spellings, as far as an environment has them. */
export function proxyVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const both = names.flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(both.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
