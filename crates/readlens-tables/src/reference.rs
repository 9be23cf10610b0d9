use std::fmt::Write;

use crate::TABLES;

/// The column reference as Markdown, made from the declarations.
pub fn column_reference() -> String {
    let mut page = String::from(
        "# Column reference\n\n\
         Made from the declarations in `crates/readlens-tables`; a test keeps it current.\n\
         All tables are Parquet (zstd, row groups of at most 65,536 rows, fewer where lists are\n\
         long). Coordinates are 0-based and half-open. The file's metadata holds `readlens.table`, `readlens.schema_version` and\n\
         `readlens.manifest` (stage, version, configuration, seed and input digests, as JSON); a\n\
         shard's also has `readlens.shard`, its place `i/n` counted from 1.\n",
    );
    for table in TABLES {
        let _ = write!(
            page,
            "\n## {} (version {})\n\n{} Written by `readlens-{}`.\n\n\
             | column | type | null | unit or range | meaning |\n|---|---|---|---|---|\n",
            table.name, table.version, table.about, table.stage
        );
        for c in table.columns {
            let null = if c.nullable { "yes" } else { "no" };
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {null} | {} | {} |",
                c.name,
                c.kind.label(),
                c.unit,
                // A bar would end the cell.
                c.meaning.replace('|', "\\|")
            );
        }
        if table.has_ranks {
            page.push_str(
                "| one per rank | `dictionary<int32, utf8>` | yes | | Taxon of the record at that rank, such as `genus`; null where unknown. |\n",
            );
        }
    }
    page
}
