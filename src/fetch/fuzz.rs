//! What holds of every receipt.

use super::receipt;

/// A receipt that can be read is, written anew, read the same.
pub(crate) fn receipt(bytes: &[u8]) {
    let Some(receipt) = receipt::read(bytes) else { return };
    let written = serde_json::to_vec(&receipt).expect("numbers and text");
    assert_eq!(receipt::read(&written), Some(receipt));
}
