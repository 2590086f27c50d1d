package deq

import (
	"context"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// BenchmarkTrain makes steps of the digits classifier, 32 units on 1438 samples.
func BenchmarkTrain(b *testing.B) {
	b.Run("float64", benchTrain[float64])
	b.Run("float32", benchTrain[float32])
}

func benchTrain[T flow.Float](b *testing.B) {
	data, _, _ := digitsSplit[T]()
	w, err := NewNetwork(NetworkConfig[T]{Units: 32, Loss: CrossEntropy, Kappa: 0.95}, data)
	if err != nil {
		b.Fatal(err)
	}
	theta := digitsStart(w)
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := Train(context.Background(), w, theta, TrainOptions[T]{Eta: 0.1, Momentum: 0.9, Steps: b.N}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}
