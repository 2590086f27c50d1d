package kernel_test

import (
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Lengths that do not fit must panic and name both numbers.
func TestPanics(t *testing.T) {
	v := func(n int) []float64 { return make([]float64, n) }
	m := func(r, c int) kernel.Matrix[float64] { return kernel.NewMatrix[float64](r, c) }
	b := func(n, r, c int) kernel.Batch[float64] { return kernel.BatchOf(n, r, c, v(n*r*c)) }
	for name, c := range map[string]struct {
		f    func()
		want string
	}{
		"Dot":           {func() { kernel.Dot(v(31), v(47)) }, "31 47"},
		"Axpy":          {func() { kernel.Axpy(1, v(31), v(47)) }, "31 47"},
		"AxpyTo x":      {func() { kernel.AxpyTo(v(31), 1, v(47), v(31)) }, "31 47"},
		"AxpyTo y":      {func() { kernel.AxpyTo(v(31), 1, v(31), v(47)) }, "31 47"},
		"Axpby":         {func() { kernel.Axpby(1, v(31), 1, v(47)) }, "31 47"},
		"AddTo":         {func() { kernel.AddTo(v(31), v(31), v(47)) }, "31 47"},
		"SubTo":         {func() { kernel.SubTo(v(31), v(47), v(31)) }, "31 47"},
		"MulTo":         {func() { kernel.MulTo(v(31), v(47), v(31)) }, "31 47"},
		"AdamTo f":      {func() { kernel.AdamTo(v(31), v(31), v(31), v(31), v(47), v(31), v(31), kernel.AdamCoefs[float64]{}) }, "31 47"},
		"AdamTo m":      {func() { kernel.AdamTo(v(31), v(31), v(31), v(31), v(31), v(47), v(31), kernel.AdamCoefs[float64]{}) }, "31 47"},
		"AdamTo s1":     {func() { kernel.AdamTo(v(31), v(31), v(47), v(31), v(31), v(31), v(31), kernel.AdamCoefs[float64]{}) }, "31 47"},
		"MomentumTo":    {func() { kernel.MomentumTo(v(31), v(31), v(31), v(47), v(31), 1, 1) }, "31 47"},
		"ScaledStepTo":  {func() { kernel.ScaledStepTo(v(31), v(31), v(31), v(31), v(47), 1, 1, 1, 1) }, "31 47"},
		"InvSqrtScale":  {func() { kernel.InvSqrtScaleTo(v(31), v(47), 1, 1) }, "31 47"},
		"SignAxpyTo":    {func() { kernel.SignAxpyTo(v(31), 1, v(31), v(47)) }, "31 47"},
		"Secant":        {func() { kernel.Secant(v(31), v(31), v(31), v(47)) }, "31 47"},
		"LincombTo x":   {func() { kernel.LincombTo(v(31), v(47), 1, nil, nil) }, "31 47"},
		"LincombTo k":   {func() { kernel.LincombTo(v(31), v(31), 1, v(1), [][]float64{v(47)}) }, "31 47 k[0]"},
		"LincombTo c":   {func() { kernel.LincombTo(v(2), v(2), 1, v(31), make([][]float64, 47)) }, "31 47"},
		"ErrorNorm":     {func() { kernel.WeightedErrorNorm(1, v(1), [][]float64{v(47)}, v(31), v(31), 1, 1) }, "31 47"},
		"ErrorNorm y":   {func() { kernel.WeightedErrorNorm(1, nil, nil, v(31), v(47), 1, 1) }, "31 47"},
		"ErrorNorm e":   {func() { kernel.WeightedErrorNorm(1, v(31), make([][]float64, 47), v(2), v(2), 1, 1) }, "31 47"},
		"WeightedNorm":  {func() { kernel.WeightedNorm(v(31), v(31), v(47), 1, 1) }, "31 47"},
		"Gemv x":        {func() { kernel.Gemv(v(4), 1, m(4, 31), v(47), 0) }, "31 47"},
		"Gemv y":        {func() { kernel.Gemv(v(47), 1, m(31, 4), v(4), 0) }, "31 47"},
		"GemvT x":       {func() { kernel.GemvT(v(4), 1, m(31, 4), v(47), 0) }, "31 47"},
		"GemvT y":       {func() { kernel.GemvT(v(47), 1, m(4, 31), v(4), 0) }, "31 47"},
		"Ger":           {func() { kernel.Ger(m(31, 4), 1, v(47), v(4)) }, "31 47"},
		"NormalGrad g":  {func() { kernel.NormalGrad(v(47), m(4, 31), v(31), v(4), v(4)) }, "31 47"},
		"NormalGrad r":  {func() { kernel.NormalGrad(v(4), m(31, 4), v(4), v(31), v(47)) }, "31 47"},
		"RowwiseGrad":   {func() { kernel.RowwiseGrad(v(31), m(4, 31), v(47), nil) }, "31 47"},
		"Gemm inner":    {func() { kernel.Gemm(m(3, 5), 1, m(3, 31), m(47, 5), 0) }, "31 47"},
		"Gemm c":        {func() { kernel.Gemm(m(47, 5), 1, m(31, 4), m(4, 5), 0) }, "31 47"},
		"GemmNT":        {func() { kernel.GemmNT(m(3, 5), 1, m(3, 31), m(5, 47), 0) }, "31 47"},
		"GemmTN":        {func() { kernel.GemmTN(m(3, 5), 1, m(31, 3), m(47, 5), 0) }, "31 47"},
		"Syrk":          {func() { kernel.Syrk(m(47, 47), 1, m(31, 4), 0) }, "31 47"},
		"SyrkT":         {func() { kernel.SyrkT(m(47, 47), 1, m(4, 31), 0) }, "31 47"},
		"GemmBatch":     {func() { kernel.GemmBatch(b(31, 2, 2), 1, b(31, 2, 2), b(47, 2, 2), 0) }, "31 47"},
		"GemvBatch":     {func() { kernel.GemvBatch(v(62), 1, b(31, 2, 2), v(47), 0) }, "62 47"},
		"Exp":           {func() { kernel.Exp(v(31), v(47)) }, "31 47"},
		"Tanh":          {func() { kernel.Tanh(v(31), v(47)) }, "31 47"},
		"ReLUGrad":      {func() { kernel.ReLUGrad(v(31), v(31), v(47)) }, "31 47"},
		"AddBias":       {func() { kernel.AddBias(m(2, 31), v(47)) }, "31 47"},
		"LogSumExpRows": {func() { kernel.LogSumExpRows(v(47), m(31, 2)) }, "31 47"},
		"Distances":     {func() { kernel.SquaredDistances(m(2, 3), m(2, 31), m(3, 47)) }, "31 47"},
		"MatrixOf":      {func() { kernel.MatrixOf(1, 31, v(47)) }, "31 47"},
		"short data": {func() {
			kernel.Gemv(v(2), 1, kernel.Matrix[float64]{Rows: 2, Cols: 3, Stride: 44, Data: v(46)}, v(3), 0)
		}, "46 47"},
		"stride": {func() {
			kernel.Gemv(v(2), 1, kernel.Matrix[float64]{Rows: 2, Cols: 47, Stride: 31, Data: v(200)}, v(47), 0)
		}, "31 47"},
		"negative shape": {func() { kernel.NewMatrix[float64](-31, 47) }, "-31 47"},
		"row":            {func() { m(31, 2).Row(47) }, "31 47"},
		"batch index":    {func() { b(31, 2, 2).At(47) }, "31 47"},
	} {
		msg := panics(c.f)
		if !strings.HasPrefix(msg, "kernel: ") {
			t.Errorf("%s: panic %q, want one that starts with kernel:", name, msg)
		}
		for _, w := range strings.Fields(c.want) {
			if !strings.Contains(msg, w) {
				t.Errorf("%s: panic %q does not name %s", name, msg, w)
			}
		}
	}
}

var sink float64
