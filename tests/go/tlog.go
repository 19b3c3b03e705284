// Command tlog judges a folder of tiles with Go's own transparency log, golang.org/x/mod/sumdb, which shares no line
// with the gateway: signatures, every leaf, inclusion of each, consistency between sizes. KEY is the log's first one; those
// that succeeded it are named and signed in the log itself.
//
//	tlog FOLDER KEY [WITNESS]
//	tlog note FILE KEY...
//
// The second judges one signed note, which must be signed by all of these keys.
//
// It ends with 0 and a line of JSON if all holds, and with 1 and a reason if not.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// height is that of the tiles of C2SP tlog-tiles.
const height = 8

// folder reads tiles as C2SP names them: as Go does, without the height.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", tile.Path(), len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	path = strings.Replace(path, "data/", "entries/", 1)
	return os.ReadFile(filepath.Join(string(f), "tile", path))
}

// leaves gives the entries of a tree: after a length of two bytes each, in bundles of 256.
func (f folder) leaves(size int64) ([][]byte, error) {
	var all [][]byte
	for first := int64(0); first < size; first += 1 << height {
		width := size - first
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)}
		data, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, errors.New("an entry is cut")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:end])
			data = data[end:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries of %d", len(all), size)
	}
	return all, nil
}

// cosigner verifies cosignatures (C2SP tlog-cosignature, type 4).
type cosigner struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func newCosigner(key string) (*cosigner, error) {
	parts := strings.SplitN(key, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("no key of a witness")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) != 1+ed25519.PublicKeySize || material[0] != 4 {
		return nil, errors.New("no key of type 4")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	hash := binary.BigEndian.Uint32(digest[:4])
	if parts[1] != fmt.Sprintf("%08x", hash) {
		return nil, errors.New("a false key id")
	}
	return &cosigner{parts[0], hash, material[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(c.public, []byte(message), signature[8:])
}

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

func parse(text string) (checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return checkpoint{}, errors.New("no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return checkpoint{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return checkpoint{lines[0], tlog.Tree{N: size, Hash: root}}, err
}

// The kind of a leaf that names another key, and how long a header is (see gateway/proof/src/leaf.rs).
const (
	succeed = 17
	header  = 34
)

// follow gives the key that signs a log with these leaves, whose first key this is.
func follow(origin string, key note.Verifier, leaves [][]byte) (note.Verifier, int, error) {
	successions := 0
	for index, leaf := range leaves {
		if len(leaf) < header+2 || leaf[0] != 2 || leaf[1] != succeed {
			continue
		}
		end := header + 2 + int(binary.BigEndian.Uint16(leaf[header:]))
		if len(leaf) < end {
			return nil, 0, errors.New("a statement is cut")
		}
		next, err := named(origin, key, index, leaf[header+2:end])
		if err != nil {
			return nil, 0, fmt.Errorf("record %d: %w", index, err)
		}
		key = next
		successions++
	}
	return key, successions, nil
}

// named gives the key that a statement names in the place of the one so far; both must have signed it.
func named(origin string, key note.Verifier, index int, statement []byte) (note.Verifier, error) {
	lines := strings.Split(string(statement), "\n")
	if len(lines) < 6 || lines[0] != "tidegate succession v1" || lines[1] != origin || lines[2] != strconv.Itoa(index) {
		return nil, errors.New("no statement of this record")
	}
	before, err := note.NewVerifier(lines[3])
	if err != nil {
		return nil, err
	}
	if before.Name() != key.Name() || before.KeyHash() != key.KeyHash() {
		return nil, errors.New("another key than the one so far")
	}
	after, err := note.NewVerifier(lines[4])
	if err != nil {
		return nil, err
	}
	// By the key that is known, not by the one that the statement names.
	opened, err := note.Open(statement, note.VerifierList(key, after))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != 2 {
		return nil, fmt.Errorf("%d signatures of 2", len(opened.Sigs))
	}
	return after, nil
}

// signed opens a note that all of these keys must have signed.
func signed(path string, keys []string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var known []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return nil, err
		}
		known = append(known, verifier)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != len(known) {
		return nil, fmt.Errorf("%d signatures of %d", len(opened.Sigs), len(known))
	}
	head, err := parse(opened.Text)
	return map[string]any{"size": head.tree.N, "unknown": len(opened.UnverifiedSigs)}, err
}

func judge(path, key, witness string) (map[string]any, error) {
	text, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return nil, err
	}
	log, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	// Unsigned so far: as many leaves as it says are read, to learn who signs.
	claimed, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	leaves, err := folder(path).leaves(claimed.tree.N)
	if err != nil {
		return nil, err
	}
	log, successions, err := follow(log.Name(), log, leaves)
	if err != nil {
		return nil, err
	}
	known := []note.Verifier{log}
	if witness != "" {
		cosigner, err := newCosigner(witness)
		if err != nil {
			return nil, err
		}
		known = append(known, cosigner)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != len(known) {
		return nil, fmt.Errorf("%d signatures of %d", len(opened.Sigs), len(known))
	}
	head, err := parse(opened.Text)
	if err != nil {
		return nil, err
	}
	if head.origin != log.Name() {
		return nil, errors.New("another origin")
	}
	tree, tiles := head.tree, folder(path)
	reader := tlog.TileHashReader(tree, tiles)
	for index, leaf := range leaves {
		proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(leaf)); err != nil {
			return nil, fmt.Errorf("record %d: %w", index, err)
		}
	}
	consistent := 0
	for old := int64(1); old <= tree.N; old++ {
		root, err := tlog.TreeHash(old, reader)
		if err != nil {
			return nil, err
		}
		proof, err := tlog.ProveTree(tree.N, old, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
			return nil, fmt.Errorf("size %d: %w", old, err)
		}
		consistent++
	}
	return map[string]any{"origin": head.origin, "size": tree.N, "records": len(leaves), "trees": consistent,
		"successions": successions}, nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tlog FOLDER KEY [WITNESS], tlog note FILE KEY...")
		os.Exit(2)
	}
	witness := ""
	if len(os.Args) > 3 {
		witness = os.Args[3]
	}
	var judged map[string]any
	var err error
	if os.Args[1] == "note" {
		judged, err = signed(os.Args[2], os.Args[3:])
	} else {
		judged, err = judge(os.Args[1], os.Args[2], witness)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(judged); err != nil {
		os.Exit(1)
	}
}
