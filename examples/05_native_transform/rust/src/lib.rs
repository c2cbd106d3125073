//! The transform of ../features.cpp in Rust: the same columns, the same options, the same rows.

mod abi;

use abi::{Builder, Field, Input, Refused, Setup, Transform};
use std::ffi::{c_char, c_void};

struct Features {
    width: u32,
    // Kept from input to input for their memory only.
    lines: Vec<i32>,
    words: Vec<i32>,
}

const BASIS: u32 = 2166136261; // of FNV-1a, over the letters of a word

/// ASCII letters and digits, and every byte beyond ASCII; in lower case. 0 between words.
fn folded(c: u8) -> u8 {
    match c {
        b'A'..=b'Z' => c + (b'a' - b'A'),
        b'a'..=b'z' | b'0'..=b'9' | 0x80.. => c,
        _ => 0,
    }
}

impl Features {
    fn open(options: &str, setup: &Setup) -> Result<Features, Refused> {
        let mut width = 1 << 18;
        for line in options.lines().filter(|line| !line.is_empty()) {
            match line.split_once('=') {
                Some(("width", value)) => match value.parse() {
                    Ok(number) if number > 0 => width = number,
                    _ => {
                        setup.error(&format!("option width cannot be {value}"));
                        return Err(Refused);
                    }
                },
                _ => {
                    setup.error(&format!("there is no option {line}"));
                    return Err(Refused);
                }
            }
        }
        let shape = [3u64];
        let plain = |name: &'static [u8], kind, dtype| Field {
            name: name.as_ptr().cast(),
            kind,
            dtype,
            index_dtype: 0,
            rank: 0,
            row_shape: std::ptr::null(),
            width: 0,
        };
        setup.field(&Field {
            rank: 1,
            row_shape: shape.as_ptr(),
            ..plain(b"totals\0", abi::TENSOR, abi::FLOAT32)
        })?;
        setup.field(&plain(b"line_lengths\0", abi::RAGGED, abi::INT32))?;
        setup.field(&Field {
            index_dtype: abi::INT32,
            width: width as u64,
            ..plain(b"words\0", abi::CSR, abi::FLOAT32)
        })?;
        Ok(Features { width, lines: Vec::new(), words: Vec::new() })
    }

    fn process(&mut self, text: &[u8], rows: &Builder) -> Result<(), Refused> {
        self.lines.clear();
        self.words.clear();
        let mut hash = BASIS;
        let mut line = 0;
        for &c in text {
            match folded(c) {
                0 if hash != BASIS => {
                    self.words.push((hash % self.width) as i32);
                    hash = BASIS;
                }
                0 => {}
                letter => hash = (hash ^ letter as u32).wrapping_mul(16777619),
            }
            line += 1;
            if c == b'\n' {
                self.lines.push(line);
                line = 0;
            }
        }
        if hash != BASIS {
            self.words.push((hash % self.width) as i32);
        }
        let totals = [text.len() as f32, self.words.len() as f32, self.lines.len() as f32];
        rows.tensor_row(0, &totals)?;
        rows.ragged_row(1, &self.lines)?;
        rows.csr_row(2, &self.words, 1.0)
    }
}

/// The slice that C means, which may be null where it is empty.
unsafe fn slice<'a>(bytes: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    std::slice::from_raw_parts(bytes, length)
}

extern "C" fn open(
    options: *const c_char,
    length: usize,
    setup: *const Setup,
    state: *mut *mut c_void,
) -> i32 {
    let setup = unsafe { &*setup };
    let Ok(options) = std::str::from_utf8(unsafe { slice(options.cast(), length) }) else {
        setup.error("the options are not UTF-8");
        return 1;
    };
    match Features::open(options, setup) {
        Ok(features) => {
            unsafe { *state = Box::into_raw(Box::new(features)).cast() };
            0
        }
        Err(Refused) => 1,
    }
}

extern "C" fn process(
    state: *mut c_void,
    bytes: *const u8,
    length: usize,
    _input: *const Input,
    rows: *const Builder,
) -> i32 {
    let features = unsafe { &mut *state.cast::<Features>() };
    match features.process(unsafe { slice(bytes, length) }, unsafe { &*rows }) {
        Ok(()) => 0,
        Err(Refused) => 1,
    }
}

extern "C" fn close(state: *mut c_void) {
    drop(unsafe { Box::from_raw(state.cast::<Features>()) });
}

#[no_mangle]
pub extern "C" fn headrace_transform_table() -> *const Transform {
    static TABLE: Transform = Transform {
        abi_version: abi::ABI,
        struct_size: std::mem::size_of::<Transform>() as u32,
        name: b"features\0".as_ptr().cast(),
        open,
        process,
        close,
    };
    &TABLE
}
