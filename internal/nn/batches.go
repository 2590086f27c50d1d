package nn

import (
	"encoding/binary"
	"math/rand/v2"
)

// Batches draws mini-batches of size Size out of M samples, epoch by epoch: each
// epoch is a random permutation cut into batches, the last of which is smaller
// if Size does not divide M. The batch of a step is a function of (Seed, step)
// alone.
type Batches struct {
	M, Size int
	Seed    uint64

	epoch uint64
	perm  []int
	src   *rand.ChaCha8
	swap  func(i, j int)
}

// At returns the samples of the batch of a step, a view that the next call
// overwrites.
func (b *Batches) At(step uint64) []int {
	perEpoch := uint64((b.M + b.Size - 1) / b.Size)
	b.shuffle(step / perEpoch)
	from := int(step%perEpoch) * b.Size
	return b.perm[from:min(from+b.Size, b.M)]
}

// shuffle makes perm the permutation of an epoch.
func (b *Batches) shuffle(epoch uint64) {
	if b.perm != nil && epoch == b.epoch {
		return
	}
	if b.perm == nil {
		b.perm, b.src = make([]int, b.M), rand.NewChaCha8([32]byte{})
		b.swap = func(i, j int) { b.perm[i], b.perm[j] = b.perm[j], b.perm[i] }
	}
	for i := range b.perm {
		b.perm[i] = i
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], b.Seed)
	binary.LittleEndian.PutUint64(key[8:], epoch)
	// A domain of its own: the streams of Init use the rest of the key as zero.
	key[16] = 1
	b.src.Seed(key)
	rand.New(b.src).Shuffle(b.M, b.swap)
	b.epoch = epoch
}
