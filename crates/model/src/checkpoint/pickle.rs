//! Python's pickle format (protocol 2), as far as PyTorch's files use it.
//!
//! A pickle is a program for a stack machine that may call any function. Here calls are only recorded, so a hostile file
//! is harmless. Objects refer to each other by index and not by ownership, so neither cycles nor deep nesting matter.

/// Maximum number of operations in a pickle: far more than any published one has, at some forty per tensor. Otherwise one
/// byte could become fifty in memory.
const OPERATIONS: usize = 1_000_000;

/// The longest text, in bytes.
const TEXT: usize = 64 << 10;

/// Index of an [`Object`] in its [`Pickle`].
pub type Ref = usize;

/// A Python object.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// An integer beyond 64 bits: little-endian two's complement.
    Long(Vec<u8>),
    Text(String),
    Tuple(Vec<Ref>),
    List(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    /// Module and name of something importable.
    Global(String, String),
    /// A callable and its tuple of arguments.
    Call(Ref, Ref),
    /// Something stored outside the pickle.
    Persistent(Ref),
}

/// The objects of one pickle.
#[derive(Debug)]
pub struct Pickle {
    objects: Vec<Object>,
    root: Ref,
}

impl Pickle {
    /// Reads one pickle from the front of `bytes`.
    pub fn read(bytes: &mut &[u8]) -> Result<Pickle, String> {
        let mut machine = Machine { bytes, objects: vec![], stack: vec![], marks: vec![], memo: vec![] };
        for _ in 0..OPERATIONS {
            let op = machine.byte()?;
            if op == b'.' {
                let root = machine.pop()?;
                return Ok(Pickle { objects: machine.objects, root });
            }
            machine.step(op)?;
        }
        Err(format!("is a pickle of more than {OPERATIONS} operations, the maximum that is read"))
    }

    /// The outermost object.
    pub fn root(&self) -> &Object {
        self.at(self.root)
    }

    pub fn at(&self, place: Ref) -> &Object {
        self.objects.get(place).unwrap_or(&Object::None)
    }

    pub fn text(&self, place: Ref) -> Option<&str> {
        if let Object::Text(text) = self.at(place) { Some(text) } else { None }
    }

    pub fn tuple(&self, place: Ref) -> Option<&[Ref]> {
        if let Object::Tuple(items) = self.at(place) { Some(items) } else { None }
    }

    /// A non-negative number.
    pub fn size(&self, place: Ref) -> Option<usize> {
        if let Object::Int(n) = self.at(place) { usize::try_from(*n).ok() } else { None }
    }

    /// A tuple of non-negative numbers.
    pub fn sizes(&self, place: Ref) -> Option<Vec<usize>> {
        self.tuple(place)?.iter().map(|item| self.size(*item)).collect()
    }
}

struct Machine<'a, 'b> {
    bytes: &'a mut &'b [u8],
    objects: Vec<Object>,
    stack: Vec<Ref>,
    /// Heights of the stack, for operations that take everything since the last mark.
    marks: Vec<usize>,
    memo: Vec<Option<Ref>>,
}

impl Machine<'_, '_> {
    fn step(&mut self, op: u8) -> Result<(), String> {
        match op {
            0x80 => match self.byte()? {
                2 => {}
                version => return Err(format!("pickle protocol {version}; 2 is known")),
            },
            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'K' => {
                let n = self.byte()?;
                self.push(Object::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.fixed()?);
                self.push(Object::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.fixed()?);
                self.push(Object::Int(n.into()));
            }
            b'G' => {
                let x = f64::from_be_bytes(self.fixed()?);
                self.push(Object::Float(x));
            }
            0x8a => self.long()?,
            b'X' => {
                let length = u32::from_le_bytes(self.fixed()?);
                self.string(length as usize)?;
            }
            b'U' => {
                let length = self.byte()?;
                self.string(length.into())?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Global(module, name));
            }
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Object::Tuple(vec![])),
            0x85..=0x87 => {
                let at = self.stack.len().checked_sub(usize::from(op - 0x84)).ok_or("the stack is empty")?;
                let items = self.stack.split_off(at);
                self.push(Object::Tuple(items));
            }
            b't' => {
                let items = self.marked()?;
                self.push(Object::Tuple(items));
            }
            b']' => self.push(Object::List(vec![])),
            b'}' => self.push(Object::Dict(vec![])),
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.extend(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.insert(&items)?;
            }
            b'R' => self.call()?,
            // Attributes of an object, such as a state dict's `_metadata`, are not needed.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                self.push(Object::Persistent(id));
            }
            b'q' => {
                let at = self.byte()?;
                self.remember(at.into())?;
            }
            b'r' => {
                let at = u32::from_le_bytes(self.fixed()?);
                self.remember(at as usize)?;
            }
            b'h' => {
                let at = self.byte()?;
                self.recall(at.into())?;
            }
            b'j' => {
                let at = u32::from_le_bytes(self.fixed()?);
                self.recall(at as usize)?;
            }
            other => return Err(format!("pickle operation {other:#04x} is not known")),
        }
        Ok(())
    }

    /// Records a call, or makes a mapping for the one class that contains tensors.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let ordered = Object::Global("collections".into(), "OrderedDict".into());
        let is_dict = self.objects.get(callable) == Some(&ordered);
        self.push(if is_dict { Object::Dict(vec![]) } else { Object::Call(callable, arguments) });
        Ok(())
    }

    fn long(&mut self) -> Result<(), String> {
        let length = self.byte()?;
        let bytes = self.take(length.into())?.to_vec();
        let sign = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if sign { 0xff } else { 0 }; 8];
        let object = match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(&bytes);
                Object::Int(i64::from_le_bytes(wide))
            }
            None => Object::Long(bytes),
        };
        self.push(object);
        Ok(())
    }

    fn string(&mut self, length: usize) -> Result<(), String> {
        if length > TEXT {
            return Err(format!("has a text of {length} bytes; the maximum is {TEXT}"));
        }
        let text = String::from_utf8(self.take(length)?.to_vec()).map_err(|_| "a name is not UTF-8")?;
        self.push(Object::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Result<String, String> {
        let end = self.bytes.iter().take(TEXT).position(|byte| *byte == b'\n');
        let end = end.ok_or("ends within a name, or has one without end")?;
        let line = String::from_utf8(self.take(end)?.to_vec()).map_err(|_| "a name is not UTF-8")?;
        self.byte()?;
        Ok(line)
    }

    fn extend(&mut self, items: Vec<Ref>) -> Result<(), String> {
        match self.stack.last().and_then(|top| self.objects.get_mut(*top)) {
            Some(Object::List(list)) => list.extend(items),
            _ => return Err("appends to something that is not a list".into()),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Ref]) -> Result<(), String> {
        match self.stack.last().and_then(|top| self.objects.get_mut(*top)) {
            Some(Object::Dict(dict)) => dict.extend(items.as_chunks::<2>().0.iter().map(|[k, v]| (*k, *v))),
            _ => return Err("sets items of something that is not a dictionary".into()),
        }
        Ok(())
    }

    fn remember(&mut self, at: usize) -> Result<(), String> {
        // Pickles number consecutively from 0; other numbers must not cause large allocations.
        if at > self.memo.len() {
            return Err(format!("remembers object {at} after {} others", self.memo.len()));
        }
        let top = *self.stack.last().ok_or("the stack is empty")?;
        if at == self.memo.len() {
            self.memo.push(None);
        }
        self.memo[at] = Some(top);
        Ok(())
    }

    fn recall(&mut self, at: usize) -> Result<(), String> {
        let object =
            self.memo.get(at).copied().flatten().ok_or_else(|| format!("no object {at} is remembered"))?;
        self.stack.push(object);
        Ok(())
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<Ref, String> {
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn marked(&mut self) -> Result<Vec<Ref>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("ends within a pickle")?;
        *self.bytes = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or("ends within a pickle")?;
        *self.bytes = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.fixed().map(|[byte]| byte)
    }
}
