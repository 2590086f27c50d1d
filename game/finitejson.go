package game

import (
	"encoding/json"
	"fmt"
	"math/big"
)

// finiteJSON is a finite game as JSON; numbers are texts in that of a RatFinite.
type finiteJSON[E any] struct {
	Shape   []int `json:"shape"`
	Payoffs [][]E `json:"payoffs"` // row-major, the action of the last player fastest
}

// MarshalJSON writes {"shape": [...], "payoffs": [[...], ...]}, the payoff tensors
// row-major. Reading it back gives the same bits.
func (f *Finite) MarshalJSON() ([]byte, error) {
	return json.Marshal(finiteJSON[float64]{f.shape, f.payoffs})
}

// UnmarshalJSON reads what MarshalJSON writes. Errors as those of NewFinite, or of
// package json.
func (f *Finite) UnmarshalJSON(data []byte) error {
	var j finiteJSON[float64]
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("game: json: %w", err)
	}
	g, err := NewFinite(j.Shape, j.Payoffs)
	if err != nil {
		return err
	}
	*f = *g
	return nil
}

// MarshalJSON writes the game as Finite does, with the numbers as texts "p/q".
func (f *RatFinite) MarshalJSON() ([]byte, error) {
	j := finiteJSON[string]{Shape: f.shape, Payoffs: make([][]string, len(f.payoffs))}
	for m, u := range f.payoffs {
		for _, v := range u {
			j.Payoffs[m] = append(j.Payoffs[m], v.RatString())
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes; texts may also be decimals. Errors as
// those of NewRatFinite, ErrSyntax for other texts, or those of package json.
func (f *RatFinite) UnmarshalJSON(data []byte) error {
	var j finiteJSON[string]
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("game: json: %w", err)
	}
	payoffs := make([][]*big.Rat, len(j.Payoffs))
	for m, u := range j.Payoffs {
		for a, s := range u {
			v, err := parseRat(s)
			if err != nil {
				return fmt.Errorf("game: json: payoffs[%d][%d]: %w", m, a, err)
			}
			payoffs[m] = append(payoffs[m], v)
		}
	}
	g, err := NewRatFinite(j.Shape, payoffs)
	if err != nil {
		return err
	}
	*f = *g
	return nil
}
