package digits_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
	"gonum.org/v1/gonum/mat"
)

type reference struct {
	FirstTrainIndices []int     `json:"first_train_indices"`
	TrainLabelCounts  []int     `json:"train_label_counts"`
	TestLabelCounts   []int     `json:"test_label_counts"`
	SumParity         float64   `json:"sum_parity"`
	Row0              []float64 `json:"X_00_to_09"`
	GramEigs          []float64 `json:"gram_eigs"`
}

func load(t *testing.T) (ref reference) {
	t.Helper()
	b, err := os.ReadFile("testdata/digits.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

func counts(labels []int) []int {
	c := make([]int, digits.Classes)
	for _, l := range labels {
		c[l]++
	}
	return c
}

func TestOrderAndLabels(t *testing.T) {
	ref := load(t)
	for i, want := range ref.FirstTrainIndices {
		if got := digits.Order(i); got != want {
			t.Errorf("position %d holds sample %d, want %d", i, got, want)
		}
	}
	seen := make([]bool, digits.Count)
	for i := range digits.Count {
		seen[digits.Order(i)] = true
	}
	if slices.Contains(seen, false) {
		t.Error("the order is not a permutation")
	}
	train, test := digits.Train[float64](256), digits.Test[float64]()
	if got := counts(train.Labels); !slices.Equal(got, ref.TrainLabelCounts) {
		t.Errorf("labels of the training set: %v, want %v", got, ref.TrainLabelCounts)
	}
	if got := counts(test.Labels); !slices.Equal(got, ref.TestLabelCounts) {
		t.Errorf("labels of the test set: %v, want %v", got, ref.TestLabelCounts)
	}
	if got := kernel.Sum(train.Parity().Data); got != ref.SumParity {
		t.Errorf("sum of the parities %v, want %v", got, ref.SumParity)
	}
}

func TestPreprocessing(t *testing.T) {
	ref := load(t)
	train := digits.Train[float64](256)
	for j, want := range ref.Row0 {
		if got := train.X.Row(0)[j]; math.Abs(got-want) > 1e-13 {
			t.Errorf("X[0][%d] = %v, want %v", j, got, want)
		}
	}
	x := mat.NewDense(256, digits.Pixels, train.X.Data)
	var gram mat.SymDense
	gram.SymOuterK(1./256, x.T())
	var eig mat.EigenSym
	if !eig.Factorize(&gram, false) {
		t.Fatal("no eigenvalues")
	}
	vals := eig.Values(nil)
	for k, want := range ref.GramEigs {
		if got := vals[len(vals)-1-k]; math.Abs(got-want) > 1e-12*want {
			t.Errorf("eigenvalue %d of XᵀX/256 = %v, want %v", k, got, want)
		}
	}
	all := digits.Slice[float64](0, digits.Count).X.Data
	if rms := kernel.Nrm2(all) / math.Sqrt(float64(len(all))); math.Abs(rms-1) > 1e-13 {
		t.Errorf("root mean square %v, want 1", rms)
	}
}

func TestRawRange(t *testing.T) {
	for i := range digits.Count {
		if p := digits.Raw(i); len(p) != digits.Pixels || slices.Max(p) > 16 {
			t.Fatalf("sample %d has %d pixels up to %d, want 64 up to 16", i, len(p), slices.Max(p))
		}
	}
}

func TestOneHot(t *testing.T) {
	s := digits.Train[float32](20)
	y := s.OneHot()
	for i, l := range s.Labels {
		for k, v := range y.Row(i) {
			if (v == 1) != (k == l) || (v != 0 && v != 1) {
				t.Fatalf("row %d of label %d is %v", i, l, y.Row(i))
			}
		}
	}
}

func TestRangePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"train into test": func() { digits.Train[float64](digits.TestStart + 1) },
		"negative":        func() { digits.Slice[float64](-1, 3) },
		"past the end":    func() { digits.Slice[float64](0, digits.Count+1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func Example() {
	train, test := digits.Train[float32](256), digits.Test[float32]()
	fmt.Println(train.X.Rows, train.X.Cols, train.Labels[:5])
	fmt.Println(test.X.Rows, test.X.Cols, test.Labels[:5])
	// Output:
	// 256 64 [0 7 1 9 1]
	// 1000 64 [9 0 7 3 9]
}
