# One command each on a fresh Debian 12 or 13 with git, make, Node >= 20 and npm, as root.

# What the product and its tests run, by Debian package.
packages := attr binutils bubblewrap bzip2 erofs-utils squashfs-tools systemd util-linux xz-utils \
	apt-utils ca-certificates createrepo-c dbus-daemon debian-archive-keyring dnf docker-registry dpkg-dev dropbear-bin e2fsprogs fdisk fish gcc gnupg gpgv groff-base libarchive-tools libc6-dev lintian \
	lz4 mmdebstrap mount nginx-light rpm skopeo strace systemd-container zsh zstd

.PHONY: help setup packages check test demo bench format dist deb helpers clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: ## install what the product and its tests need
	@$(at_once) packages node_modules/.package-lock.json

packages:
	@if ! dpkg-query -W -f '$${db:Status-Status}\n' $(packages) 2>&1 | awk '$$0 != "installed" { exit 1 }'; then \
		echo 'installing the Debian packages that are missing'; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $(packages) >/dev/null; \
	fi

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --loglevel=error
	@# npm before 10 leaves this link out, where two packages for other machines have a program of the name.
	@ln -sfn "../node-linux-$$(node -p process.arch)/bin/node" node_modules/.bin/node
	@touch $@

# Each of them keeps one core busy: two at a time, the longest first, and what they print one after the other.
at_once := $(MAKE) --silent --no-print-directory --jobs=2 --output-sync=target

check: ## format, lint, types, unit tests: under a minute
	@$(at_once) run-lint run-types run-format:check run-test:unit

test: ## everything: check, and the tests with real systemd machines
	@$(at_once) run-lab run-lint run-types run-format:check run-bundle
	@npm run --silent test:all

# A script of package.json as a target.
run-%: node_modules/.package-lock.json
	@npm run --silent $*

# These need programs; the others can begin while packages are installed.
run-lab run-bundle: packages

demo: setup ## build jq from real packages, merge it in a throw-away root, use it
	@test/lab/playground test/demo

bench: setup ## measure, as ratios to the bare tools
	@npm run --silent bench

format: ## rewrite the code in the house's format
	@npm run --silent format

dist: node_modules/.package-lock.json ## the bundle that packages ship
	@npm run --silent bundle

deb: setup dist ## the Debian package, dist/sysext-agent_*.deb
	@npm run --silent deb

ARCH = arm64
helpers: ## the programs of native/ for ARCH=arm64, with gcc-aarch64-linux-gnu
	@node packaging/helpers.ts --arch=$(ARCH)

clean: ## remove what was built here; caches outside the checkout stay
	rm -rf dist helpers-* coverage
