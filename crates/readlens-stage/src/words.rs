use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Understands the words of a closed set, which the help lists; `name` is the word for each value.
pub fn one_of<T>(all: &'static [T], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let names = all.iter().map(|value| name(*value)).collect::<Vec<_>>();
    PossibleValuesParser::new(names).try_map(move |text| {
        let value = all.iter().copied().find(|value| name(*value) == text);
        value.ok_or_else(|| format!("{text} is none of the words"))
    })
}
