package infogeo

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

//go:embed data/ucb_admissions.json
var admissionsJSON []byte

//go:embed data/iris.json
var irisJSON []byte

//go:embed data/digits_counts.json
var digitsJSON []byte

// decode reads embedded data, which cannot fail.
func decode(data []byte, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(fmt.Sprintf("infogeo: embedded data: %v", err))
	}
}

// BerkeleyAdmissions returns the 4526 applications to the six largest departments of the
// University of California, Berkeley, for autumn 1973: counts over department (A to F),
// gender (male, female) and outcome (admitted, rejected), factors 0, 1 and 2 of the table
// (Bickel, Hammel, O'Connell, Science 187 (1975) 398).
func BerkeleyAdmissions() (*Table, []float64) {
	var file struct{ Counts []float64 }
	decode(admissionsJSON, &file)
	t, _ := NewTable(6, 2, 2)
	return t, file.Counts
}

// Iris returns the 150 x 4 measurements in centimetres (length and width of sepals, length
// and width of petals) and the species of irises: 0 setosa, 1 versicolor, 2 virginica, 50
// of each, in this order (Fisher, Annals of Eugenics 7 (1936) 179).
func Iris() (x kernel.Matrix[float64], species []int) {
	var file struct{ Rows [][]float64 }
	decode(irisJSON, &file)
	x = kernel.NewMatrix[float64](len(file.Rows), 4)
	species = make([]int, len(file.Rows))
	for i, row := range file.Rows {
		for j, v := range row {
			x.Data[i*4+j] = v / 10
		}
		species[i] = i / 50
	}
	return x, species
}

// DigitsLevels returns how many pixels of the 1797 images of handwritten digits have the
// grey levels 0 to 16.
func DigitsLevels() []float64 {
	var file struct{ Grey []float64 }
	decode(digitsJSON, &file)
	return file.Grey
}

// DigitsBits returns the counts of the 256 states of eight black or white cells from the
// middle of the 1797 images of handwritten digits, data for a Boltzmann machine of eight
// units: see data/README.md.
func DigitsBits() []float64 {
	var file struct{ Binary8 [][2]int }
	decode(digitsJSON, &file)
	counts := make([]float64, 256)
	for _, c := range file.Binary8 {
		counts[c[0]] = float64(c[1])
	}
	return counts
}
