//! The pickle of a dictionary of tensors, read without running it.
//!
//! A pickle is a program. This reader knows the few instructions that saving a dictionary of
//! tensors takes, and the few functions that such a pickle calls: an ordered dictionary, and the
//! building of a tensor or a parameter. It calls none of them; it writes down what they were asked
//! for. Any other instruction or function ends the reading, by its name. Values are shared and
//! never copied, a dictionary keeps nothing but names and tensors, and tuples nest no deeper than
//! those of a tensor, so memory and time follow the length of the file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// Most dimensions of a tensor.
const MOST_DIMENSIONS: usize = 8;
/// Deepest nesting of tuples.
const MOST_DEPTH: usize = 8;
/// Longest text, in bytes.
const LONGEST_TEXT: usize = 1 << 12;

/// A tensor of the dictionary.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) tensor: Rc<Described>,
}

/// A tensor as a pickle describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Name of the storage's entry in the archive.
    pub(super) storage: String,
    /// What its values are, such as `FloatStorage`.
    pub(super) kind: String,
    /// Values before its first.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Values from one entry of a dimension to the next.
    pub(super) strides: Vec<usize>,
}

/// What a pickle works with.
#[derive(Debug)]
enum Value {
    /// None, true, false, or what nothing is made of.
    Other,
    Number(i64),
    Text(String),
    Function(Function),
    Tuple(Vec<Shared>),
    /// Names, and the tensors among what was set, in order.
    Dictionary(RefCell<Vec<(Shared, Option<Rc<Described>>)>>),
    Storage {
        kind: String,
        key: String,
    },
    Tensor(Rc<Described>),
}

/// A value, and how deep its tuples nest.
#[derive(Clone, Debug)]
struct Shared {
    value: Rc<Value>,
    depth: usize,
}

/// The functions that are known; none of them is called.
#[derive(Clone, Debug)]
enum Function {
    OrderedDictionary,
    Tensor,
    Parameter,
    /// A type of storage, by name.
    Storage(String),
}

impl Function {
    fn of(module: &str, name: &str) -> Result<Self, String> {
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDictionary),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Self::Tensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Self::Parameter),
            ("torch", kind) if kind.ends_with("Storage") => Ok(Self::Storage(kind.to_owned())),
            _ => Err(format!("a call of {module}.{name}")),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrderedDictionary => f.write_str("OrderedDict"),
            Self::Tensor => f.write_str("_rebuild_tensor_v2"),
            Self::Parameter => f.write_str("_rebuild_parameter"),
            Self::Storage(kind) => f.write_str(kind),
        }
    }
}

impl Shared {
    fn plain(value: Value) -> Self {
        Self { value: Rc::new(value), depth: 0 }
    }

    fn tuple(values: Vec<Self>) -> Result<Self, String> {
        let depth = values.iter().map(|value| value.depth + 1).max().unwrap_or(0);
        if depth > MOST_DEPTH {
            return Err("tuples nested deeper than those of tensors".to_owned());
        }
        Ok(Self { value: Rc::new(Value::Tuple(values)), depth })
    }

    fn text(&self) -> Option<&str> {
        match &*self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn size(&self) -> Option<usize> {
        match &*self.value {
            Value::Number(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    fn items(&self) -> Option<&[Self]> {
        match &*self.value {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    fn sizes(&self) -> Option<Vec<usize>> {
        let items = self.items().filter(|items| items.len() <= MOST_DIMENSIONS)?;
        items.iter().map(Self::size).collect()
    }
}

/// The tensors of a pickle, in its order.
///
/// # Errors
/// What it has that a dictionary of tensors has not.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Stored>, String> {
    let top =
        Machine { bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }.run()?;
    let Value::Dictionary(entries) = &*top.value else {
        return Err("something else than a dictionary".to_owned());
    };
    let stored = |(name, tensor): &(Shared, Option<Rc<Described>>)| {
        let name = name.text().ok_or("an entry that is not named by text")?.to_owned();
        match tensor {
            Some(tensor) => Ok(Stored { tensor: Rc::clone(tensor), name }),
            None => Err(format!("an entry {name:?} that is no tensor")),
        }
    };
    entries.borrow().iter().map(stored).collect()
}

/// The tuple that names a storage.
fn storage(which: &Shared) -> Option<Value> {
    let [tag, kind, key, _device, _count] = which.items()? else { return None };
    let Value::Function(Function::Storage(kind)) = &*kind.value else { return None };
    let key = key.text().filter(|key| key.bytes().all(|b| b.is_ascii_alphanumeric()))?;
    let value = Value::Storage { kind: kind.clone(), key: key.to_owned() };
    (tag.text() == Some("storage")).then_some(value)
}

/// A tensor of its storage, offset, shape and strides.
fn tensor(parts: [&Shared; 4]) -> Option<Value> {
    let [storage, offset, shape, strides] = parts;
    let Value::Storage { kind, key } = &*storage.value else { return None };
    let (storage, kind) = (key.clone(), kind.clone());
    let (offset, shape, strides) = (offset.size()?, shape.sizes()?, strides.sizes()?);
    let fits = shape.len() == strides.len();
    fits.then(|| Value::Tensor(Rc::new(Described { storage, kind, offset, shape, strides })))
}

/// The stack machine, without its power to call.
struct Machine<'a> {
    bytes: &'a [u8],
    stack: Vec<Shared>,
    /// Heights of the stack that were marked.
    marks: Vec<usize>,
    memo: HashMap<u32, Shared>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("the end of the pickle")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "the end of the pickle".to_owned())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.bytes.iter().take(LONGEST_TEXT).position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or("a name without an end")? + 1)?;
        std::str::from_utf8(&line[..line.len() - 1])
            .map_err(|_| "a name that is no text".to_owned())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        if length > LONGEST_TEXT {
            return Err(format!("text of {length} bytes"));
        }
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "text that is no UTF-8")?;
        self.push(Value::Text(text.to_owned()))
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        self.stack.push(Shared::plain(value));
        Ok(())
    }

    fn pop(&mut self) -> Result<Shared, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let is_there = self.stack.len() > floor;
        self.stack.pop().filter(|_| is_there).ok_or_else(|| "an empty stack".to_owned())
    }

    fn marked(&mut self) -> Result<Vec<Shared>, String> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.stack.push(Shared::tuple(items)?);
        Ok(())
    }

    fn remember(&mut self, id: u32) -> Result<(), String> {
        let value = self.stack.last().ok_or("an empty stack")?.clone();
        self.memo.insert(id, value);
        Ok(())
    }

    fn recall(&mut self, id: u32) -> Result<(), String> {
        let value = self.memo.get(&id).ok_or("a value that was never kept")?.clone();
        self.stack.push(value);
        Ok(())
    }

    fn set(&mut self, items: Vec<Shared>) -> Result<(), String> {
        let Some(Value::Dictionary(entries)) = self.stack.last().map(|top| &*top.value) else {
            return Err("entries of something else than a dictionary".to_owned());
        };
        let mut entries = entries.borrow_mut();
        for pair in items.chunks(2) {
            let [name, value] = pair else { return Err("a name without a value".to_owned()) };
            let tensor = match &*value.value {
                Value::Tensor(tensor) => Some(Rc::clone(tensor)),
                _ => None,
            };
            let name = match &*name.value {
                Value::Text(_) => name.clone(),
                _ => Shared::plain(Value::Other),
            };
            entries.push((name, tensor));
        }
        Ok(())
    }

    /// What a call would give, where it is known.
    fn call(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let Value::Function(function) = &*function.value else {
            return Err("a call of something else than a function".to_owned());
        };
        let arguments = arguments.items().ok_or("a call without a tuple of arguments")?;
        let made = match (function, arguments) {
            (Function::OrderedDictionary, []) => Some(Value::Dictionary(RefCell::default())),
            (Function::Tensor, [storage, offset, shape, strides, ..]) => {
                tensor([storage, offset, shape, strides])
            }
            (Function::Parameter, [of, ..]) => match &*of.value {
                Value::Tensor(tensor) => Some(Value::Tensor(Rc::clone(tensor))),
                _ => None,
            },
            _ => None,
        };
        let made = made.ok_or_else(|| format!("a call of {function} with other arguments"))?;
        self.push(made)
    }

    /// Attributes beside the entries of a dictionary, such as the versions of a model's modules,
    /// are left out.
    fn build(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.stack.last().map(|top| &*top.value) {
            Some(Value::Dictionary(_)) => Ok(()),
            _ => Err("attributes of something else than a dictionary".to_owned()),
        }
    }

    fn run(mut self) -> Result<Shared, String> {
        loop {
            match self.byte()? {
                // PROTO, STOP.
                0x80 => match self.byte()? {
                    2..=5 => {}
                    version => return Err(format!("a pickle of version {version}")),
                },
                b'.' => return self.pop(),
                // FRAME only says how long what follows is.
                0x95 => {
                    self.take(8)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Function(Function::of(module, name)?))?;
                }
                // STACK_GLOBAL.
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let names = (module.text(), name.text());
                    let (Some(module), Some(name)) = names else {
                        return Err("a call of what has no name".to_owned());
                    };
                    self.push(Value::Function(Function::of(module, name)?))?;
                }
                b'R' => self.call()?,
                b'b' => self.build()?,
                b'Q' => {
                    let which = self.pop()?;
                    self.push(storage(&which).ok_or("a storage without its five parts")?)?;
                }
                // None, true, false.
                b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
                b'K' => {
                    let number = i64::from(self.byte()?);
                    self.push(Value::Number(number))?;
                }
                b'M' => {
                    let number = i64::from(u16::from_le_bytes(self.array()?));
                    self.push(Value::Number(number))?;
                }
                b'J' => {
                    let number = i64::from(i32::from_le_bytes(self.array()?));
                    self.push(Value::Number(number))?;
                }
                // LONG1, of at most eight bytes.
                0x8a => {
                    let length = usize::from(self.byte()?);
                    let bytes = self.take(length)?;
                    let mut wide = [0; 8];
                    let fits = length <= wide.len();
                    let is_negative = bytes.last().is_some_and(|last| *last >= 0x80);
                    if !fits || is_negative {
                        return Err(format!("a number of {length} bytes"));
                    }
                    wide[..length].copy_from_slice(bytes);
                    self.push(Value::Number(i64::from_le_bytes(wide)))?;
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.text(length)?;
                }
                0x8c => {
                    let length = usize::from(self.byte()?);
                    self.text(length)?;
                }
                b'(' => self.marks.push(self.stack.len()),
                b'}' => self.push(Value::Dictionary(RefCell::default()))?,
                b')' => self.tuple(0)?,
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.marked()?;
                    self.stack.push(Shared::tuple(items)?);
                }
                b's' => {
                    let (value, name) = (self.pop()?, self.pop()?);
                    self.set(vec![name, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.set(items)?;
                }
                b'q' => {
                    let id = self.byte()?;
                    self.remember(u32::from(id))?;
                }
                b'r' => {
                    let id = u32::from_le_bytes(self.array()?);
                    self.remember(id)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let id = self.byte()?;
                    self.recall(u32::from(id))?;
                }
                b'j' => {
                    let id = u32::from_le_bytes(self.array()?);
                    self.recall(id)?;
                }
                other => return Err(format!("the instruction {other:#04x}")),
            }
        }
    }
}
