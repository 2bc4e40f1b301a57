// Package zoo has no code: its test plants bugs of the kinds that libraries like
// this one have had, one at a time, in copies of our files, and sees that our
// own tests find each.
package zoo
