// Package arch has no code: its tests hold the layout of the module, who may
// import whom, that there is one go statement, that nothing starts by itself.
package arch
