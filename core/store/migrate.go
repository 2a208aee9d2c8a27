package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema to this binary's version. It goes forward only. A
// schema that is newer than the binary is refused with a Problem (Conflict)
// that names both versions.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.usable(); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations/"+string(s.dialect))
	if err != nil {
		return fmt.Errorf("finding the migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	if s.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	steps, err := goose.NewProvider(dialect, s.writer, files, goose.WithTableName("schema_version"))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	sources := steps.ListSources()
	ours := sources[len(sources)-1].Version
	theirs, err := steps.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", explain(err))
	}
	if theirs > ours {
		return problem.New(problem.Conflict, "the database has schema version %d, and this binary knows versions up to %d", theirs, ours).
			WithHint("start the binary that made the schema, or a newer one; a schema never goes back")
	}
	results, err := steps.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrating from version %d to %d: %w", theirs, ours, explain(err))
	}
	for _, r := range results {
		s.log.InfoContext(ctx, "migrated the schema", "version", r.Source.Version, "took", r.Duration)
	}
	return nil
}
