//! Bytes for tests: from hexadecimal digits, and as strangers may send them.

use machines::Dice;

/// Bytes from hexadecimal digits, with spaces wherever they help.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Lengths and counts that a careless reader would believe.
const NUMBERS: [i32; 9] = [-1, -2, 0, 1, 5, 0xffff, 0x10_0000, i32::MAX, i32::MIN];

/// Spoils good bytes: a few of them changed, a length made a lie, the end cut off or grown, or
/// nothing left but noise.
pub(crate) fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..dice.between(1, 4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = dice.any() as u8,
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            3 if at + 4 <= bytes.len() => {
                let number = dice.pick(&NUMBERS).expect("there are some");
                bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
            }
            4 => bytes.extend((0..dice.below(20)).map(|_| dice.any() as u8)),
            _ if dice.chance(50) => bytes.iter_mut().for_each(|byte| *byte = dice.any() as u8),
            _ => {}
        }
    }
}
