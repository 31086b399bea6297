const varintWire = 0
const fixed64Wire = 1
const lengthDelimitedWire = 2
const fixed32Wire = 5

/**
 * Protocol buffers' wire format, written field by field into one buffer that grows.
 * https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(1024)
  length = 0

  /** A copy of what has been written; the writer starts anew, in the same memory. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.subarray(0, this.length))
    this.length = 0
    return taken
  }

  /** An integer of up to 32 bits: an enumeration, a count. */
  uint32(field: number, value: number): void {
    this.#tag(field, varintWire)
    this.#varint(value)
  }

  /** @param value a whole number, in the range of a signed 64-bit integer. */
  int64(field: number, value: number): void {
    this.#tag(field, varintWire)
    if (value >= 0 && value <= 0xffff_ffff) {
      this.#varint(value)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80)
    this.#byte(Number(rest))
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, fixed32Wire)
    this.#reserve(4)
    this.length = this.#bytes.writeUInt32LE(value, this.length)
  }

  /** @param high the upper 32 bits. */
  fixed64(field: number, low: number, high: number): void {
    this.#tag(field, fixed64Wire)
    this.#reserve(8)
    this.#bytes.writeUInt32LE(low, this.length)
    this.length = this.#bytes.writeUInt32LE(high, this.length + 4)
  }

  double(field: number, value: number): void {
    this.#tag(field, fixed64Wire)
    this.#reserve(8)
    this.length = this.#bytes.writeDoubleLE(value, this.length)
  }

  string(field: number, text: string): void {
    this.#tag(field, lengthDelimitedWire)
    const byteLength = Buffer.byteLength(text)
    this.#varint(byteLength)
    this.#reserve(byteLength)
    this.length += this.#bytes.write(text, this.length, 'utf8')
  }

  /** Bytes that come as lower-case hexadecimal digits. A loop, because `Buffer.write` takes longer for so few. */
  hex(field: number, digits: string): void {
    const byteLength = digits.length / 2
    this.#tag(field, lengthDelimitedWire)
    this.#varint(byteLength)
    this.#reserve(byteLength)
    for (let i = 0; i < digits.length; i += 2) {
      this.#bytes[this.length++] = (nibble(digits.charCodeAt(i)) << 4) | nibble(digits.charCodeAt(i + 1))
    }
  }

  /** A message within this one: what is written until `end` is called with the result. */
  begin(field: number): number {
    this.#tag(field, lengthDelimitedWire)
    // Most messages here are shorter than 128 bytes; the others are moved by the bytes that their length takes more.
    this.#byte(0)
    return this.length
  }

  end(start: number): void {
    const messageLength = this.length - start
    const lengthBytes = varintBytes(messageLength)
    if (lengthBytes > 1) {
      this.#reserve(lengthBytes - 1)
      this.#bytes.copyWithin(start + lengthBytes - 1, start, this.length)
    }
    this.length = start - 1
    this.#writeVarint(messageLength)
    this.length += messageLength
  }

  /** Fields that have been written before. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length)
    this.#bytes.set(fields, this.length)
    this.length += fields.length
  }

  #tag(field: number, wireType: number): void {
    this.#varint((field << 3) | wireType)
  }

  #varint(value: number): void {
    this.#reserve(5)
    this.#writeVarint(value)
  }

  /** Where there is room already. */
  #writeVarint(value: number): void {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.length++] = (rest % 128) | 0x80
    this.#bytes[this.length++] = rest
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.length++] = value
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + count))
    grown.set(this.#bytes.subarray(0, this.length))
    this.#bytes = grown
  }
}

function nibble(digit: number): number {
  return digit < 0x3a ? digit - 0x30 : digit - 0x57
}

function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count += 1
  return count
}
