//! A small reader of the markup that the page may contain: anything else is a failure.
#![allow(dead_code, reason = "each test uses a part of it")]

const ELEMENTS: [&str; 57] = [
    "a",
    "article",
    "b",
    "bdi",
    "body",
    "br",
    "button",
    "caption",
    "circle",
    "details",
    "div",
    "em",
    "figcaption",
    "figure",
    "footer",
    "g",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "i",
    "input",
    "label",
    "li",
    "line",
    "main",
    "meta",
    "nav",
    "output",
    "p",
    "path",
    "pre",
    "rect",
    "script",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "u",
    "ul",
    "!doctype",
    "use",
    "defs",
    "tspan",
];
const VOID: [&str; 5] = ["!doctype", "br", "input", "meta", "img"];
const ATTRIBUTES: [&str; 61] = [
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "aria-live",
    "autocomplete",
    "charset",
    "class",
    "colspan",
    "content",
    "cx",
    "cy",
    "d",
    "data-column",
    "data-columns",
    "data-find",
    "data-left",
    "data-levels",
    "data-mask",
    "data-start",
    "data-step",
    "data-wrong",
    "dx",
    "dy",
    "for",
    "height",
    "hidden",
    "href",
    "html",
    "http-equiv",
    "id",
    "lang",
    "name",
    "placeholder",
    "r",
    "role",
    "rx",
    "scope",
    "spellcheck",
    "preserveaspectratio",
    "tabindex",
    "text-anchor",
    "title",
    "transform",
    "type",
    "viewbox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
    "open",
    "fill",
    "stroke",
    "points",
    "cols",
    "rows",
    "value",
    "checked",
    "alt",
];

/// An opening tag.
#[derive(Debug)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Where its content begins.
    pub end: usize,
}

/// All opening tags; panics on markup that no browser reads in one way only.
pub fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut place = 0;
    while let Some(next) = page[place..].find('<') {
        place += next + 1;
        if page[place..].starts_with('/') {
            let end = place + page[place..].find('>').unwrap();
            let name = page[place + 1..end].to_lowercase();
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closing {name}");
            place = end + 1;
            continue;
        }
        let tag = tag(page, place);
        place = tag.end;
        let closes_itself = page[..place].ends_with("/>");
        if matches!(tag.name.as_str(), "script" | "style") {
            let close = format!("</{}>", tag.name);
            place += page[place..].find(&close).unwrap() + close.len();
        } else if !VOID.contains(&tag.name.as_str()) && !closes_itself {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert!(open.is_empty(), "unclosed {open:?}");
    tags
}

fn tag(page: &str, start: usize) -> Tag {
    let rest = &page[start..];
    let length = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap();
    let name = rest[..length].to_lowercase();
    let mut attributes = Vec::new();
    let mut place = start + length;
    loop {
        let rest = page[place..].trim_start();
        place = page.len() - rest.len();
        if rest.starts_with('>') {
            return Tag { name, attributes, end: place + 1 };
        }
        if rest.starts_with("/>") {
            return Tag { name, attributes, end: place + 2 };
        }
        let length = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap();
        let attribute = rest[..length].to_lowercase();
        place += length;
        let mut value = String::new();
        if let Some(rest) = page[place..].strip_prefix('=') {
            place += 1;
            if let Some(quoted) = rest.strip_prefix('"') {
                value = quoted[..quoted.find('"').unwrap()].to_owned();
                place += value.len() + 2;
            } else {
                value =
                    rest[..rest.find(|c: char| c.is_whitespace() || c == '>').unwrap()].to_owned();
                assert!(value.chars().all(|c| c.is_ascii_alphanumeric()), "unquoted {value}");
                place += value.len();
            }
        }
        attributes.push((attribute, value));
    }
}

/// Panics unless all elements and attributes are ones that the templates use, ids are unique and
/// every drawing coordinate is a number.
pub fn check(page: &str) {
    let tags = tags(page);
    let mut ids = std::collections::BTreeSet::new();
    for tag in &tags {
        assert!(ELEMENTS.contains(&tag.name.as_str()), "element {}", tag.name);
        for (name, value) in &tag.attributes {
            assert!(ATTRIBUTES.contains(&name.as_str()), "attribute {name} of {}", tag.name);
            assert!(!value.contains(['<', '>']), "{name}={value}");
            if name == "d" || name == "transform" {
                assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
            }
            if name == "id" {
                assert!(ids.insert(value.clone()), "id {value} twice");
            }
            if ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"]
                .contains(&name.as_str())
            {
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{name}={value}");
            }
        }
    }
    let scripts = tags.iter().filter(|tag| tag.name == "script").count();
    assert_eq!(scripts, 2, "the page's script and its manifest");
}

/// The texts of all elements `name`, without markup and with entities resolved; folds included.
pub fn texts_of(page: &str, name: &str) -> Vec<String> {
    let close = format!("</{name}>");
    tags(page)
        .iter()
        .filter(|tag| tag.name == name)
        .map(|tag| text(&page[tag.end..tag.end + page[tag.end..].find(&close).unwrap()]))
        .collect()
}

fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(next) = rest.find('<') {
        out.push_str(&rest[..next]);
        // Cells stay apart.
        if rest[next..].starts_with("<td") || rest[next..].starts_with("<small") {
            out.push(' ');
        }
        rest = &rest[next + rest[next..].find('>').unwrap() + 1..];
    }
    out.push_str(rest);
    [("&lt;", "<"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(out, |text, (entity, character)| text.replace(entity, character))
}
