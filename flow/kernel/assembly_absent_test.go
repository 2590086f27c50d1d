//go:build !amd64 || noasm || purego

package kernel_test

const assemblyBuilt = false
