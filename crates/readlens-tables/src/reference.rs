use std::fmt::Write;

use crate::parquet_file::limits::{
    MAX_CELL_BYTES, MAX_COLUMN_CHUNKS, MAX_FOOTER_BYTES, MAX_LIST_ITEMS, MAX_PAGE_BYTES, MAX_RANKS,
    MAX_SCHEMA_DEPTH, MAX_WORD_BYTES,
};
use crate::vocabulary::{
    AttributionMethod, Direction, MethodKind, Metric, Operator, Over, Removal, Role, Split,
    TargetKind, Vocabulary, alternatives,
};
use crate::{TABLES, Table};

/// The column reference as Markdown, made from the declarations.
pub fn column_reference() -> String {
    let mut page = String::from(
        "# Column reference\n\n\
         Made from the declarations in `crates/readlens-tables`; a test keeps it current.\n\
         All tables are Parquet (zstd, row groups of at most 65,536 rows, fewer where lists are\n\
         long). Coordinates are 0-based and half-open. The file's metadata holds `readlens.table`, `readlens.schema_version` and\n\
         `readlens.manifest` (stage, version, build, configuration, seed, inputs and their lineage, as JSON); a\n\
         shard's also has `readlens.shard`, its place `i/n` counted from 1. The words of the columns\n\
         stand in the [vocabulary](reference/vocabulary.md).\n",
    );
    page.push_str(&limits());
    for table in TABLES {
        let _ = write!(
            page,
            "\n## {} (version {})\n\n{} Written by {}.{}\n\n\
             | column | type | null | unit or range | meaning |\n|---|---|---|---|---|\n",
            table.name,
            table.version,
            table.about,
            listed(table.writers),
            older_versions(table)
        );
        for c in table.columns {
            let null = if c.nullable { "yes" } else { "no" };
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {null} | {} | {} |",
                c.name,
                c.kind.label(),
                c.unit,
                cell(c.meaning)
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

/// What a table may hold, and what becomes of what it says in other programs.
fn limits() -> String {
    format!(
        "\n## Limits and other programs\n\n\
         A table is refused if it has more than {MAX_LIST_ITEMS} items in a list, {MAX_CELL_BYTES} bytes\n\
         of text in a cell ({MAX_WORD_BYTES} in a dictionary column), {MAX_RANKS} rank columns,\n\
         {MAX_PAGE_BYTES} bytes in an unpacked page, {MAX_FOOTER_BYTES} bytes of footer, {MAX_COLUMN_CHUNKS}\n\
         row groups times columns, or groups nested more than {MAX_SCHEMA_DEPTH} deep. So a small file cannot\n\
         ask for much memory. Pages may be compressed with zstd or snappy.\n\n\
         Columns are found by name. A column without a value may have any type; texts may be dictionaries,\n\
         and numbers may be wider. The metadata stands in the file, and again in its Arrow schema, so\n\
         that pyarrow, R's arrow and pandas keep it. DuckDB and Polars have to be told:\n\
         [how](troubleshooting.md#a-tokens-table-that-another-program-wrote).\n"
    )
}

/// The stages in code spans, with commas between.
fn listed(stages: &[&str]) -> String {
    let spans: Vec<String> = stages.iter().map(|stage| format!("`readlens-{stage}`")).collect();
    spans.join(", ")
}

/// The sentence that names the older versions of a table that are read; empty without any.
fn older_versions(table: &Table) -> String {
    let older: Vec<String> = table.older.iter().map(u32::to_string).collect();
    match older.is_empty() {
        true => String::new(),
        false => format!(" Version {} is read too.", alternatives(&older)),
    }
}

/// The reference of all words that stand in columns as Markdown, made from the vocabulary.
pub fn vocabulary_reference() -> String {
    let mut page = String::from(
        "# Vocabulary\n\n\
         The words that stand in the columns of the tables. This page is made from\n\
         `crates/readlens-tables/src/vocabulary`; a test keeps it current. A word that is not listed is\n\
         refused, except in the columns `operator` and `method`, which may also hold names of your own.\n\
         `all`, `none` and the empty text cannot be the name of a rank or of a method.\n",
    );
    page.push_str(
        "\n## Operators\n\nColumn `operator` of the tables perturbations and metrics.\n\n",
    );
    page.push_str(
        "| operator | meaning | what it does | control | its inverse |\n|---|---|---|---|---|\n",
    );
    for operator in Operator::ALL {
        let control = if operator.is_control() { "yes" } else { "" };
        let inverse = operator.inverse().map_or(String::new(), |inverse| format!("`{inverse}`"));
        let (meaning, role) = (cell(operator.meaning()), role_words(operator.role()));
        let _ = writeln!(page, "| `{operator}` | {meaning} | {role} | {control} | {inverse} |");
    }
    page.push_str("\n## Metrics\n\nColumn `metric` of the table metrics. ");
    page.push_str(
        "p is the probability of the target, which is the\nprediction for the untouched window, and p₀ \
         that probability for the untouched window itself. All\nmeans are over windows.\n\n\
         | metric | definition | unit or range | better | source |\n|---|---|---|---|---|\n",
    );
    for metric in Metric::ALL {
        let better = match metric.direction() {
            Direction::Higher => "higher",
            Direction::Lower => "lower",
            Direction::Neither => "",
        };
        let (meaning, unit, source) = (cell(metric.meaning()), metric.unit(), metric.source());
        let _ = writeln!(page, "| `{metric}` | {meaning} | {unit} | {better} | {source} |");
    }
    words::<Removal>(
        &mut page,
        "Removals",
        "Column `removal` of the tables perturbations and metrics.",
    );
    page.push_str("\n## Attribution methods\n\nColumn `method` of masks that the stage `attribute` makes.\n\n");
    page.push_str("| method | meaning | kind |\n|---|---|---|\n");
    for method in AttributionMethod::ALL {
        let _ = writeln!(page, "| `{method}` | {} | {} |", cell(method.meaning()), method.kind());
    }
    words::<MethodKind>(&mut page, "Kinds of methods", "Column `method_kind`.");
    words::<TargetKind>(&mut page, "Targets", "Column `target_kind` of the table masks.");
    words::<Split>(
        &mut page,
        "Splits",
        "Column `split` of the tables tokens, training and perturbations.",
    );
    words::<Over>(&mut page, "Windows of a figure", "Column `split` of the table metrics.");
    page
}

/// A section with a table of words and meanings.
fn words<T: Vocabulary>(page: &mut String, title: &str, place: &str) {
    let _ = write!(page, "\n## {title}\n\n{place}\n\n| word | meaning |\n|---|---|\n");
    for word in T::ALL {
        let _ = writeln!(page, "| `{}` | {} |", word.name(), cell(word.meaning()));
    }
}

/// A text in a cell of a Markdown table, where a bar would end the cell and an angle bracket would
/// open a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// What an operator does, in words.
fn role_words(role: Role) -> &'static str {
    match role {
        Role::Whole => "leaves the input whole",
        Role::Empty => "leaves nothing",
        Role::Keeps => "keeps what is marked",
        Role::Removes => "removes what is marked",
        Role::KeepsWrong => "keeps what is marked for other taxa",
        Role::Graded { keeps: true, is_block: false } => "keeps a fraction, largest values first",
        Role::Graded { keeps: false, is_block: false } => {
            "removes a fraction, largest values first"
        }
        Role::Graded { keeps: true, is_block: true } => "keeps a random block",
        Role::Graded { keeps: false, is_block: true } => "removes a random block",
        Role::Soft { keeps: true } => "keeps at random",
        Role::Soft { keeps: false } => "removes at random",
        Role::Subset => "keeps a random subset",
        Role::Constant => "multiplies all tokens by one level",
        Role::Judged => "asks an independent judge",
        Role::Mean => "is a mean over fractions",
        Role::Floor => "reads no marked base",
        Role::Retrained => "learns from hidden tokens",
        Role::Masks => "looks at masks alone",
    }
}
