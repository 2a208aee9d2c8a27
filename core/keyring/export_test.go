package keyring

// SealRow encrypts 32 bytes as the row of a key does.
func SealRow(root RootKey, id, purpose, instance, algorithm string, plain []byte) ([]byte, error) {
	sealer, err := root.sealer()
	if err != nil {
		return nil, err
	}
	k := key{id: id, purpose: Purpose(purpose), instance: instance, algorithm: algorithm}
	return sealer.Encrypt(plain, k.binding())
}

// OpenRow is the opposite of SealRow.
func OpenRow(root RootKey, id, purpose, instance, algorithm string, sealed []byte) ([]byte, error) {
	sealer, err := root.sealer()
	if err != nil {
		return nil, err
	}
	k := key{id: id, purpose: Purpose(purpose), instance: instance, algorithm: algorithm}
	return sealer.Decrypt(sealed, k.binding())
}

// Secrets are the bytes of every key in the ring.
func (k *Keyring) Secrets() (all [][]byte) {
	for _, set := range k.keys {
		for _, key := range set {
			all = append(all, key.secret.Reveal())
		}
	}
	return all
}

// Doubt does what a store in doubt does.
func (k *Keyring) Doubt() { k.doubtful.Store(true) }
