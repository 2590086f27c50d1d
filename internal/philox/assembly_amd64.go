//go:build amd64 && !noasm && !purego

package philox

import "github.com/gradflow/gradflow/internal/asm"

// assembly is whether QuickNormals are made by AVX2+FMA assembly or its twin.
var assembly = asm.Enabled()
