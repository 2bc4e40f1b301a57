// Package browser is the test of the inspector's page in a real Chromium, and of
// its JSON against its schema. It is a module of its own for what it needs.
//
//	cd examples/browser && go test -artifacts -outputdir /tmp .
//
// keeps screenshots. With CI=true it installs what it needs (Debian's chromium,
// npm for axe-core), and fails if it cannot; else it says what it has to skip.
package browser
