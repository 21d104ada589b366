import { debianWheels, type debianSources } from './debian-source.ts';
import { moduleFiles } from './module-proxy.ts';
import type { SourceServer } from './server.ts';

/** A program whose real source is built, and what shows that it works. */
export interface RealProgram {
  readonly name: string;
  /** What builds it. */
  readonly with: string;
  /** The text of its spec, with its sources on the server. */
  spec(sources: Awaited<ReturnType<typeof debianSources>>, server: SourceServer): Promise<string>;
  /** A script for a machine into which it is merged, and a part of what it prints. */
  readonly script: string;
  readonly prints: string;
}

/** Offers an archive, and has it as a source of a spec. */
async function archive(
  name: string,
  pkg: string,
  sources: Parameters<RealProgram['spec']>[0],
  server: SourceServer,
): Promise<string> {
  const { bytes, sha256, fileName } = await sources(pkg);
  server.put(`/${fileName}`, bytes);
  return `  ${name}.tar:\n    http: {url: "${server.url}/${fileName}", digest: "sha256:${sha256}"}\n`;
}

const unpack = (name: string) => `mkdir ${name} && tar -xf ${name}.tar -C ${name} --strip-components=1`;

export const realPrograms: readonly RealProgram[] = [
  {
    name: 'hello',
    with: 'autotools',
    spec: async (...from) => `name: hello
version: "2.10"
sources:
${await archive('hello', 'hello', ...from)}build:
  steps:
    - command: ${unpack('hello')}
    - command: cd hello && ./configure --quiet && make --quiet
artifacts:
  binaries: {hello/hello: }
  manpages: {hello/hello.1: {subpath: man1}}
`,
    script: 'hello --greeting=merged',
    prints: 'merged',
  },
  {
    name: 'figlet',
    with: 'make',
    spec: async (...from) => `name: figlet
version: "2.2"
sources:
${await archive('figlet', 'figlet', ...from)}build:
  steps:
    - command: ${unpack('figlet')}
    - command: make --directory=figlet --quiet DEFAULTFONTDIR=/usr/share/figlet all
artifacts:
  binaries: {figlet/figlet: }
  data_dirs: {figlet/fonts: {name: figlet}}
`,
    script: 'figlet -f term merged',
    prints: 'merged',
  },
  {
    name: 'cmark',
    with: 'cmake',
    spec: async (...from) => `name: cmark
version: "0.30"
dependencies:
  build: [cmake]
sources:
${await archive('cmark', 'cmark', ...from)}build:
  steps:
    - command: ${unpack('cmark')}
    - command: cmake -S cmark -B out -DCMARK_SHARED=OFF -DCMARK_TESTS=OFF -DBUILD_SHARED_LIBS=OFF
    - command: cmake --build out
artifacts:
  binaries: {out/src/cmark: }
`,
    script: 'echo "*merged*" | cmark',
    prints: '<em>merged</em>',
  },
  {
    name: 'go-md2man',
    with: 'Go, with a module',
    spec: async (sources, server) => {
      const source = await sources('golang-blackfriday-v2');
      const path = 'github.com/russross/blackfriday/v2';
      for (const [at, bytes] of await moduleFiles({ path, version: 'v2.1.0', source })) server.put(`/go${at}`, bytes);
      const own = await sources('go-md2man-v2');
      server.put(`/${own.fileName}`, own.bytes);
      return `name: go-md2man
version: "2"
dependencies:
  build: [golang-go]
sources:
  md2man.tar:
    http: {url: "${server.url}/${own.fileName}", digest: "sha256:${own.sha256}"}
build:
  network_mode: sandbox
  env: {GOPROXY: "${server.url}/go", GONOSUMDB: "*", GOFLAGS: -mod=mod, CGO_ENABLED: "0"}
  steps:
    - command: ${unpack('md2man')}
    - command: cd md2man && rm go.sum && go build -o ../go-md2man .
artifacts:
  binaries: {go-md2man: }
`;
    },
    script: 'printf "%% merged 1\\n# NAME\\n" | go-md2man',
    prints: '.SH NAME',
  },
  {
    name: 'cowsay',
    with: 'npm',
    spec: (_sources, server) =>
      Promise.resolve(`name: cowsay
version: "1.6"
dependencies:
  build: [nodejs, npm]
sources:
  app:
    inline:
      dir:
        files:
          package.json:
            contents: |
              {"name": "app", "version": "1.0.0", "dependencies": {"cowsay": "1.6.0"}}
    generate:
      - nodemod: {registry: "${server.url}/npm/"}
build:
  steps:
    - command: node app/node_modules/cowsay/cli.js built > built.txt
artifacts:
  docs: {built.txt: }
x-sysext:
  files: {app: /usr/local/cowsay}
`),
    script: 'cat /usr/share/doc/cowsay/built.txt; ls /usr/local/cowsay/node_modules',
    prints: '< built >',
  },
  {
    name: 'fnv',
    with: 'cargo',
    spec: async (sources, server) => {
      const crate = await sources('rust-fnv');
      const described = { name: 'fnv', vers: '1.0.7', deps: [], cksum: crate.sha256, features: {}, yanked: false };
      server.put('/crates/config.json', Buffer.from(JSON.stringify({ dl: `${server.url}/{crate}-{version}.crate` })));
      server.put('/crates/3/f/fnv', Buffer.from(`${JSON.stringify(described)}\n`));
      server.put('/fnv-1.0.7.crate', crate.bytes);
      return `name: fnv
version: "1"
dependencies:
  build: [cargo]
sources:
  .cargo:
    inline:
      dir:
        files:
          config.toml:
            contents: |
              source.crates-io.replace-with = "loopback"
              source.loopback.registry = "sparse+${server.url}/crates/"
  app:
    inline:
      dir:
        files:
          Cargo.toml:
            contents: |
              package = {name = "fnv-of", version = "1.0.0"}
              bin = [{name = "fnv-of", path = "main.rs"}]
              dependencies = {fnv = "1"}
          main.rs:
            contents: |
              use std::hash::Hasher;
              fn main() {
                  let mut hasher = fnv::FnvHasher::default();
                  hasher.write(std::env::args().nth(1).unwrap().as_bytes());
                  println!("{:016x}", hasher.finish());
              }
    generate:
      - cargohome: {}
build:
  steps:
    - command: cd app && cargo build --release --offline
artifacts:
  binaries: {app/target/release/fnv-of: }
`;
    },
    script: 'fnv-of a',
    // http://www.isthe.com/chongo/tech/comp/fnv/: FNV-1a of 64 bits.
    prints: 'af63dc4c8601ec8c',
  },
  {
    name: 'toml',
    with: 'pip',
    spec: async (sources, server) => {
      const wheels = await debianWheels('python3-setuptools-whl', 'python3-wheel-whl', 'python3-packaging-whl');
      const archives = [
        { ...(await sources('python-toml')), fileName: 'toml-0.10.2.tar.gz' },
        { ...(await sources('setuptools')), fileName: 'setuptools-78.1.1.tar.gz' },
      ];
      const projects = Map.groupBy([...wheels, ...archives], ({ fileName }) => fileName.split('-')[0] ?? '');
      for (const [project, files] of projects) {
        for (const { fileName, bytes } of files) server.put(`/files/${fileName}`, bytes);
        const links = files.map(({ fileName }) => `<a href="/files/${fileName}">${fileName}</a>\n`);
        server.put(`/simple/${project}/`, Buffer.from(`<!DOCTYPE html>\n${links.join('')}`));
      }
      return `name: toml
version: "1"
dependencies:
  build: [python3-pip]
sources:
  app:
    inline:
      dir:
        files:
          requirements.txt: {contents: "toml==0.10.2\\n"}
    generate:
      - pip: {index_url: "${server.url}/simple/"}
build:
  steps:
    - command: python3 -c 'import toml; print(toml.dumps({"built":"here"}))' >built.txt
artifacts:
  docs: {built.txt: }
x-sysext:
  files: {app: /usr/local/toml}
`;
    },
    script: 'cat /usr/share/doc/toml/built.txt; ls /usr/local/toml/site-packages/toml/decoder.py',
    prints: 'built = "here"',
  },
  {
    name: 'jq',
    with: 'autotools, with a prefix and a library of its own',
    spec: async (...from) => `name: jq
version: "1.7"
dependencies:
  build: [autoconf, automake, libtool, flex, bison]
sources:
${await archive('onig', 'libonig', ...from)}${await archive('jq', 'jq', ...from)}build:
  env: {PREFIX: /usr/local/jq}
  steps:
    - command: ${unpack('onig')} && ${unpack('jq')}
    - command: |
        cd onig
        test -x configure || autoreconf --force --install
        ./configure --quiet --prefix=$PREFIX --disable-static
        make --quiet
        make --quiet install
        make --quiet install DESTDIR=/build/out
    - command: |
        cd jq
        test -x configure || autoreconf --force --install
        ./configure --quiet --prefix=$PREFIX --with-oniguruma=$PREFIX --disable-docs --disable-static LDFLAGS="-Wl,-rpath,$PREFIX/lib"
        make --quiet
        make --quiet install DESTDIR=/build/out
artifacts:
  links: [{source: ../local/jq/bin/jq, dest: /usr/bin/jq}]
x-sysext:
  files: {out/usr/local/jq: /usr/local/jq}
`,
    script: `echo '{"a": "merged"}' | jq -r '.a | test("^m.r")'; ldd /usr/bin/jq`,
    prints: '/usr/local/jq/lib/libonig.so',
  },
];
