//go:build !amd64 || noasm || purego

package philox

// assembly says that QuickNormals are made by the portable twin.
const assembly = false
