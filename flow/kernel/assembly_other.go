//go:build !amd64 || noasm || purego

package kernel

// assembly says that every kernel is its portable twin.
const assembly = false
