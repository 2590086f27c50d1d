// Package game decomposes differential games and simulates their gradient
// dynamics.
package game
