use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Understands the words of a closed set; the help lists them with what they mean.
///
/// `name` is the word for each value and `meaning` says what it means, in one sentence.
pub fn one_of<T>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    meaning: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let known = all.iter().map(|&value| {
        // clap's own lists have no full stop.
        PossibleValue::new(name(value)).help(meaning(value).trim_end_matches('.'))
    });
    PossibleValuesParser::new(known.collect::<Vec<_>>()).try_map(move |text| {
        let value = all.iter().copied().find(|value| name(*value) == text);
        value.ok_or_else(|| format!("{text} is none of the words"))
    })
}
