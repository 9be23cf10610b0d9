//! The model's `README.md`, made of its card.

use std::fmt::Write;

use crate::card::{Accuracy, Card, ShownRank};

/// The page.
pub(crate) fn text(card: &Card) -> String {
    let mut page = String::new();
    head(&mut page, card);
    if !card.accuracy.is_empty() {
        accuracy(&mut page, card);
    }
    shown(&mut page, card);
    verdicts(&mut page, card);
    made(&mut page, card);
    page
}

fn head(page: &mut String, card: &Card) {
    let ranks: Vec<String> = card.shown.ranks.iter().map(|rank| plain(&rank.rank)).collect();
    let _ = write!(
        page,
        "# {}\n\n\
         A model of readlens {}: a classifier that names {}, and an Explainer that shows what it read. {}\n\
         learned from {} records of {} letters. `report.html` shows what it reads; everything below is\n\
         also in `card.json`.\n\n\
         ```sh\n\
         readlens predict new.fasta.gz --model THIS-FOLDER --out predicted    # taxa\n\
         readlens explain new.fasta.gz --model THIS-FOLDER --out explained    # taxa, and what was read\n\
         ```\n\n\
         It names one of the taxa that it knows, also for a sequence of none of them.\n",
        plain(&card.title),
        plain(&card.version),
        ranks.join(", "),
        // A classifier that was given learned elsewhere.
        if card.accuracy.is_empty() { "The Explainer" } else { "They" },
        card.data.records,
        card.data.bases,
    );
}

fn accuracy(page: &mut String, card: &Card) {
    let held_out = card.data.splits.get("test").map_or(0, |split| split.windows);
    let _ = write!(
        page,
        "\n## How right it is\n\n\
         Of the held-out windows whose taxon is one that the model knows, in %, with 95 % intervals. There are {held_out} held-out\n\
         windows; the others are of taxa that it does not know, or of none. *k-mers* is the best of three classifiers that only\n\
         count them, and *most frequent* always says one taxon. The calibration error is how far the confidence in a record is\n\
         from being right, on the split valid.\n\n\
         | rank | windows | right | k-mers | most frequent | calibration error |\n|---|---|---|---|---|---|\n",
    );
    for Accuracy { rank, windows, accuracy, low, high, majority, kmers, calibration_error } in
        &card.accuracy
    {
        let interval = match (low, high) {
            (Some(low), Some(high)) => {
                format!(" [{}, {}]", percent(Some(*low)), percent(Some(*high)))
            }
            _ => String::new(),
        };
        let error = calibration_error.map_or("–".to_owned(), |error| format!("{error:.3}"));
        let _ = writeln!(
            page,
            "| {} | {windows} | {}{interval} | {} | {} | {error} |",
            plain(rank),
            percent(Some(*accuracy)),
            percent(*kmers),
            percent(*majority),
        );
    }
}

fn shown(page: &mut String, card: &Card) {
    let area = percent(card.shown.area);
    let answer = match card.shown.is_agreement {
        true => "says what it says of the whole window",
        false => "is right",
    };
    let _ = write!(
        page,
        "\n## What is read\n\n\
         The Explainer marks {area} % of a window. This is how often the classifier {answer}, in %, when it sees no more than\n\
         the columns say:\n\n\
         | rank | windows | everything | what is marked | a random block as long | the rest | all but a random block |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for rank in &card.shown.ranks {
        let ShownRank {
            unmasked,
            hard_masked,
            random_block,
            hard_inverse,
            random_block_inverse,
            ..
        } = rank;
        let cells = [unmasked, hard_masked, random_block, hard_inverse, random_block_inverse];
        let cells: Vec<String> = cells.iter().map(|value| percent(**value)).collect();
        let _ =
            writeln!(page, "| {} | {} | {} |", plain(&rank.rank), rank.windows, cells.join(" | "));
    }
}

fn verdicts(page: &mut String, card: &Card) {
    page.push_str("\n## Checks\n\n| check | verdict | finding |\n|---|---|---|\n");
    let measured = card.verdicts.iter().filter(|verdict| verdict.verdict != "not_measured");
    for verdict in measured {
        let word = match verdict.verdict.as_str() {
            "failed" => "**failed**",
            other => other,
        };
        let _ =
            writeln!(page, "| {} | {word} | {} |", plain(&verdict.check), plain(&verdict.sentence));
    }
}

fn made(page: &mut String, card: &Card) {
    page.push_str("\n## How it was made\n\n| what | choice | why |\n|---|---|---|\n");
    for choice in &card.choices {
        let [of, chosen, because] =
            [&choice.of, &choice.chosen, &choice.because].map(|text| plain(text));
        let _ = writeln!(page, "| {of} | {chosen} | {because} |");
    }
    let _ = write!(
        page,
        "\nRecords were divided {}:\n\n| split | records | windows |\n|---|---|---|\n",
        plain(&card.data.divided)
    );
    for (name, split) in &card.data.splits {
        let _ = writeln!(page, "| {} | {} | {} |", plain(name), split.records, split.windows);
    }
    page.push_str(
        "\n| rank | taxa | records with one | taxa in too few rows |\n|---|---|---|---|\n",
    );
    for rank in &card.data.ranks {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            plain(&rank.rank),
            rank.taxa,
            rank.records,
            rank.rare_taxa
        );
    }
    page.push_str("\n| file | SHA-256 |\n|---|---|\n");
    for file in card.data.files.iter().chain([&card.classifier, &card.explainer]) {
        let _ =
            writeln!(page, "| {} {} | {} |", file.role, plain(&file.name), file.sha256.as_str());
    }
}

/// A fraction in %.
fn percent(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{:.1}", 100.0 * value))
}

/// Letters that turn the direction of text.
const DIRECTIONS: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// Text of users and files in Markdown, as it stands: nothing in it is a link, a mark or an
/// element.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            c if c.is_control() || DIRECTIONS.contains(&c) => plain.push(' '),
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '#' | '!' | '$' | '@' | ':' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_is_only_text() {
        assert_eq!(plain("<img src=x> | [a](b)\n*"), r"&lt;img src=x> \| \[a\](b) \*");
        assert_eq!(plain("_a_ ~b~ $c$ @d http://e"), r"\_a\_ \~b\~ \$c\$ \@d http\://e");
        assert_eq!(plain("gnp.\u{202e}exe"), "gnp. exe");
        assert_eq!(plain("by the column split"), "by the column split");
    }
}
