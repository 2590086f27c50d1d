package infogeo

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Table is the shape of a contingency table: the number of levels of every factor. Its
// cells are in the order in which the last factor runs fastest.
type Table struct {
	levels []int
	cells  int
}

// NewTable returns the shape. The error wraps ErrInvalid unless there are factors, each
// with at least two levels, and at most 2^26 cells.
func NewTable(levels ...int) (*Table, error) {
	t := &Table{levels: slices.Clone(levels), cells: 1}
	if len(levels) == 0 {
		return nil, fmt.Errorf("infogeo: table without factors, want at least one: %w", ErrInvalid)
	}
	for i, n := range levels {
		if n < 2 {
			return nil, fmt.Errorf("infogeo: factor %d has %d levels, want at least 2: %w", i, n, ErrInvalid)
		}
		if t.cells *= n; t.cells > 1<<maxUnits {
			return nil, fmt.Errorf("infogeo: table of %v levels, want at most %d cells: %w", levels, 1<<maxUnits, ErrInvalid)
		}
	}
	return t, nil
}

// Cells returns the number of cells.
func (t *Table) Cells() int { return t.cells }

// level returns the level of a factor in a cell.
func (t *Table) level(cell, factor int) int {
	for i := len(t.levels) - 1; i > factor; i-- {
		cell /= t.levels[i]
	}
	return cell % t.levels[factor]
}

// margin returns the number of the cell's cell in the marginal table of some factors.
func (t *Table) margin(cell int, factors []int) int {
	m := 0
	for _, f := range factors {
		m = m*t.levels[f] + t.level(cell, f)
	}
	return m
}

// marginSize returns the number of cells of a marginal table.
func (t *Table) marginSize(factors []int) int {
	m := 1
	for _, f := range factors {
		m *= t.levels[f]
	}
	return m
}

// check returns an error unless generators are sets of factors.
func (t *Table) check(generators [][]int) error {
	if len(generators) == 0 {
		return fmt.Errorf("infogeo: no generators, want at least one: %w", ErrInvalid)
	}
	for i, g := range generators {
		seen := map[int]bool{}
		for _, f := range g {
			if f < 0 || f >= len(t.levels) || seen[f] {
				return fmt.Errorf("infogeo: generator %d = %v, want different factors from 0 to %d: %w", i, g, len(t.levels)-1, ErrInvalid)
			}
			seen[f] = true
		}
		if len(g) == 0 {
			return fmt.Errorf("infogeo: generator %d has no factors, want at least one: %w", i, ErrInvalid)
		}
	}
	return nil
}

// Hierarchical returns the log-linear model with the interactions of every subset of every
// generator: [][]int{{0, 1}, {1, 2}} is the model [01][12], in which factors 0 and 2 are
// independent given factor 1. The design is dummy coded with the first level as the
// baseline; its columns are, for all interactions by size and then in lexicographic order,
// the products of the indicators of the other levels, the last factor's fastest. The error
// wraps ErrInvalid.
func (t *Table) Hierarchical(generators [][]int) (*LogLinear, error) {
	if err := t.check(generators); err != nil {
		return nil, err
	}
	var columns [][]float64
	for _, term := range closure(generators) {
		combos := 1
		for _, f := range term {
			combos *= t.levels[f] - 1
		}
		from := len(columns)
		for range combos {
			columns = append(columns, make([]float64, t.cells))
		}
	cells:
		for c := range t.cells {
			j := 0
			for _, f := range term {
				l := t.level(c, f)
				if l == 0 {
					continue cells
				}
				j = j*(t.levels[f]-1) + l - 1
			}
			columns[from+j][c] = 1
		}
	}
	a := kernel.NewMatrix[float64](t.cells, len(columns))
	for j, col := range columns {
		for i, v := range col {
			a.Data[i*a.Stride+j] = v
		}
	}
	return NewLogLinear(a, nil)
}

// closure returns the subsets of the generators, by size and then lexicographic.
func closure(generators [][]int) [][]int {
	seen := map[string]bool{}
	var terms [][]int
	for _, g := range generators {
		g = slices.Sorted(slices.Values(g))
		for mask := 1; mask < 1<<len(g); mask++ {
			var term []int
			for i, f := range g {
				if mask>>i&1 == 1 {
					term = append(term, f)
				}
			}
			if key := fmt.Sprint(term); !seen[key] {
				seen[key] = true
				terms = append(terms, term)
			}
		}
	}
	slices.SortFunc(terms, func(a, b []int) int {
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
		return slices.Compare(a, b)
	})
	return terms
}
