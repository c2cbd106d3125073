//! headrace/transform.h in Rust: the same structures, and what makes them safe to use.

use std::ffi::{c_char, c_void};

pub const ABI: u32 = 1;
pub const TENSOR: u32 = 1;
pub const RAGGED: u32 = 2;
pub const CSR: u32 = 5;
pub const INT32: u32 = 8;
pub const FLOAT32: u32 = 12;

#[repr(C)]
pub struct Field {
    pub name: *const c_char,
    pub kind: u32,
    pub dtype: u32,
    pub index_dtype: u32,
    pub rank: u32,
    pub row_shape: *const u64,
    pub width: u64,
}

#[repr(C)]
pub struct Setup {
    struct_size: u64,
    context: *mut c_void,
    field: extern "C" fn(*mut c_void, *const Field) -> i32,
    error: extern "C" fn(*mut c_void, *const c_char, usize),
}

#[repr(C)]
pub struct Input {
    struct_size: u64,
    pub seed: u64,
    pub epoch: u64,
    pub position: u64,
}

#[repr(C)]
struct Room {
    values: *mut c_void,
    ends: *mut i64,
    indices: *mut c_void,
}

#[repr(C)]
pub struct Builder {
    struct_size: u64,
    context: *mut c_void,
    reserve: extern "C" fn(*mut c_void, u32, u64, u64, *mut Room) -> i32,
    commit: extern "C" fn(*mut c_void, u32, u64, u64) -> i32,
    error: extern "C" fn(*mut c_void, *const c_char, usize),
}

#[repr(C)]
pub struct Transform {
    pub abi_version: u32,
    pub struct_size: u32,
    pub name: *const c_char,
    pub open: extern "C" fn(*const c_char, usize, *const Setup, *mut *mut c_void) -> i32,
    pub process:
        extern "C" fn(*mut c_void, *const u8, usize, *const Input, *const Builder) -> i32,
    pub close: extern "C" fn(*mut c_void),
}

// The table holds addresses of functions and of text that never change.
unsafe impl Sync for Transform {}

/// headrace refused a call and knows why.
pub struct Refused;

impl Setup {
    pub fn field(&self, field: &Field) -> Result<(), Refused> {
        match (self.field)(self.context, field) {
            0 => Ok(()),
            _ => Err(Refused),
        }
    }

    pub fn error(&self, text: &str) {
        (self.error)(self.context, text.as_ptr().cast(), text.len());
    }
}

impl Builder {
    /// Adds one row of a tensor column.
    pub fn tensor_row<T: Copy>(&self, column: u32, row: &[T]) -> Result<(), Refused> {
        let room = self.reserve(column, 1, 0)?;
        // The room has the row's size, which is that of the declared shape.
        unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), room.values.cast(), row.len()) };
        self.commit(column, 0)
    }

    /// Adds one row of a ragged column.
    pub fn ragged_row<T: Copy>(&self, column: u32, row: &[T]) -> Result<(), Refused> {
        let room = self.reserve(column, 1, row.len() as u64)?;
        unsafe {
            std::ptr::copy_nonoverlapping(row.as_ptr(), room.values.cast(), row.len());
            *room.ends = row.len() as i64;
        }
        self.commit(column, row.len() as u64)
    }

    /// Adds one row of a csr column whose values are all `value`.
    pub fn csr_row(&self, column: u32, indices: &[i32], value: f32) -> Result<(), Refused> {
        let room = self.reserve(column, 1, indices.len() as u64)?;
        unsafe {
            std::ptr::copy_nonoverlapping(indices.as_ptr(), room.indices.cast(), indices.len());
            for i in 0..indices.len() {
                *room.values.cast::<f32>().add(i) = value;
            }
            *room.ends = indices.len() as i64;
        }
        self.commit(column, indices.len() as u64)
    }

    pub fn error(&self, text: &str) {
        (self.error)(self.context, text.as_ptr().cast(), text.len());
    }

    fn reserve(&self, column: u32, rows: u64, elements: u64) -> Result<Room, Refused> {
        let mut room = Room {
            values: std::ptr::null_mut(),
            ends: std::ptr::null_mut(),
            indices: std::ptr::null_mut(),
        };
        match (self.reserve)(self.context, column, rows, elements, &mut room) {
            0 => Ok(room),
            _ => Err(Refused),
        }
    }

    fn commit(&self, column: u32, elements: u64) -> Result<(), Refused> {
        match (self.commit)(self.context, column, 1, elements) {
            0 => Ok(()),
            _ => Err(Refused),
        }
    }
}
