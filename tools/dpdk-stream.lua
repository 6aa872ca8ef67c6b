-- SPDX-License-Identifier: BSD-3-Clause
-- Shows the packets of dpdk-streamd (docs/protocol.md) in Wireshark and tshark.
--   tshark -X lua_script:tools/dpdk-stream.lua -r FILE -O dps
-- or copy it to ~/.local/lib/wireshark/plugins. Other ports than UDP 7420: "Decode As".

local dps = Proto("dps", "DPDK Stream")

local HEADER_BYTES, ENVELOPE_BYTES, DIGEST_BYTES = 40, 56, 16
local PAYLOAD_BYTES_MAX = 16384
local OFFSET_MAX = UInt64(0, 0x40000000) -- 2^62
local PACKET_NUMBER_MAX = UInt64(0xffffffff, 0x003fffff) -- 2^54 - 1
local RANGES_MAX, CHANNELS_MAX, STREAMS_MAX = 64, 16, 47
local DATA, ACK, PROBE, PING, CLOSE, STREAM, STREAM_ACK = 1, 2, 3, 4, 5, 6, 7
local FLAG_FIN, FLAG_DIGEST, FLAG_OPTIONS = 0x02, 0x08, 0x80

local types = {
	[DATA] = "DATA", [ACK] = "ACK", [PROBE] = "PROBE", [PING] = "PING", [CLOSE] = "CLOSE",
	[STREAM] = "STREAM", [STREAM_ACK] = "STREAM_ACK",
}
local flag_names = {
	{ 0x01, "ACK_NOW" }, { 0x02, "FIN" }, { 0x04, "RESENT" }, { 0x08, "DIGEST" },
	{ 0x10, "BLOCKED" }, { 0x20, "ASTRAY" }, { 0x80, "OPTIONS" },
}
local reasons = {
	[0] = "NONE", "DONE", "CANCELLED", "PROTOCOL", "IDLE", "UNREACHABLE", "SHUTDOWN",
	"SUPERSEDED", "LOSS",
}
local seal_states = { [0] = "not checked", "good", "bad" }

local field = {
	version = ProtoField.uint8("dps.version", "Version", base.DEC, nil, 0xf0),
	type = ProtoField.uint8("dps.type", "Type", base.DEC, types, 0x0f),
	flags = ProtoField.uint8("dps.flags", "Flags", base.HEX),
	ack_now = ProtoField.bool("dps.flags.ack_now", "Acknowledge now", 8, nil, 0x01),
	fin = ProtoField.bool("dps.flags.fin", "Ends the channel or stream", 8, nil, 0x02),
	resent = ProtoField.bool("dps.flags.resent", "Sent before", 8, nil, 0x04),
	has_digest = ProtoField.bool("dps.flags.digest", "Ends a piece, brings its digest", 8, nil, 0x08),
	blocked = ProtoField.bool("dps.flags.blocked", "Uses up the credit", 8, nil, 0x10),
	astray = ProtoField.bool("dps.flags.astray", "Yours come to the wrong queue", 8, nil, 0x20),
	reserved_flags = ProtoField.uint8("dps.flags.reserved", "Reserved", base.HEX, nil, 0x40),
	has_options = ProtoField.bool("dps.flags.options", "Starts with options", 8, nil, 0x80),
	payload_bytes = ProtoField.uint16("dps.payload_bytes", "Payload bytes"),
	sent_at = ProtoField.uint32("dps.sent_at", "Sent at (us)"),
	connection_id = ProtoField.uint64("dps.connection_id", "Connection id", base.HEX),
	packet_number = ProtoField.uint64("dps.packet_number", "Packet number"),
	key_phase = ProtoField.uint64("dps.key_phase", "Key phase"),
	offset = ProtoField.uint64("dps.offset", "Offset"),
	floor = ProtoField.uint32("dps.floor", "Floor (low 32 bits)"),
	floor_full = ProtoField.uint64("dps.floor_full", "Floor"),
	channel = ProtoField.uint32("dps.channel", "Channel"),
	seal = ProtoField.bytes("dps.seal", "Seal"),
	seal_crc = ProtoField.uint32("dps.seal.crc", "CRC32C, if clear", base.HEX),
	seal_status = ProtoField.uint8("dps.seal.status", "Seal status", base.DEC, seal_states),
	option = ProtoField.bytes("dps.option", "Option"),
	options_bytes = ProtoField.uint16("dps.options_bytes", "Bytes of options"),
	option_type = ProtoField.uint8("dps.option.type", "Type", base.HEX),
	option_bytes = ProtoField.uint8("dps.option.bytes", "Bytes"),
	option_value = ProtoField.bytes("dps.option.value", "Value"),
	data = ProtoField.bytes("dps.data", "Data"),
	data_bytes = ProtoField.uint32("dps.data_bytes", "Data bytes"),
	digest = ProtoField.bytes("dps.digest", "Digest of the piece (XXH3-128)"),
	largest = ProtoField.uint64("dps.ack.largest", "Largest"),
	delay = ProtoField.uint32("dps.ack.delay", "Delay (us)"),
	echo = ProtoField.uint32("dps.ack.echo", "Echo of the send time (us)"),
	sequence = ProtoField.uint32("dps.ack.sequence", "Sequence"),
	ect0 = ProtoField.uint32("dps.ack.ect0", "ECT(0)"),
	ect1 = ProtoField.uint32("dps.ack.ect1", "ECT(1)"),
	ce = ProtoField.uint32("dps.ack.ce", "CE"),
	ranges_count = ProtoField.uint16("dps.ack.ranges", "Ranges"),
	channels_count = ProtoField.uint16("dps.ack.channels", "Channels"),
	reserved = ProtoField.uint32("dps.reserved", "Reserved", base.HEX),
	range = ProtoField.string("dps.ack.range", "Range"),
	range_missing = ProtoField.uint32("dps.ack.range.missing", "Missing above"),
	range_count = ProtoField.uint32("dps.ack.range.count", "Count"),
	range_first = ProtoField.uint64("dps.ack.range.first", "First"),
	range_last = ProtoField.uint64("dps.ack.range.last", "Last"),
	report = ProtoField.uint32("dps.ack.channel", "Channel"),
	credit = ProtoField.uint64("dps.ack.credit", "Credit"),
	contiguous = ProtoField.uint64("dps.ack.contiguous", "Contiguous"),
	stored = ProtoField.uint64("dps.ack.stored", "Stored"),
	smoothed_rtt = ProtoField.uint32("dps.probe.smoothed_rtt", "Smoothed RTT (us)"),
	challenge = ProtoField.uint64("dps.probe.challenge", "Challenge", base.HEX),
	answer = ProtoField.uint64("dps.probe.answer", "Answer", base.HEX),
	padding = ProtoField.bytes("dps.padding", "Padding"),
	streams_count = ProtoField.uint16("dps.stream_ack.streams", "Streams"),
	stream = ProtoField.uint32("dps.stream_ack.stream", "Stream"),
	has_end = ProtoField.bool("dps.stream_ack.end", "Its end arrived", 32, nil, 1),
	reason = ProtoField.uint32("dps.close.reason", "Reason", base.DEC, reasons),
}

local malformed = ProtoExpert.new("dps.malformed", "Does not parse", expert.group.MALFORMED,
	expert.severity.ERROR)
local bad_seal = ProtoExpert.new("dps.seal.bad", "The CRC32C does not match",
	expert.group.CHECKSUM, expert.severity.ERROR)
local unknown = ProtoExpert.new("dps.unknown", "Of another version, or reserved",
	expert.group.UNDECODED, expert.severity.WARN)

local fields = {}
for _, value in pairs(field) do
	fields[#fields + 1] = value
end
dps.fields = fields
dps.experts = { malformed, bad_seal, unknown }

-- Lua sums some 5 MB a second: too slow to be on for every capture.
dps.prefs.check_seal = Pref.bool("Check the CRC32C of clear packets", false,
	"Slow on large captures; sealed packets then show a bad one")

-- RFC 3720 appendix B.4, reflected.
local crc_table = {}
for i = 0, 255 do
	local crc = i
	for _ = 1, 8 do
		local is_odd = bit32.band(crc, 1) == 1
		crc = bit32.rshift(crc, 1)
		if is_odd then
			crc = bit32.bxor(crc, 0x82f63b78)
		end
	end
	crc_table[i] = crc
end

local function add_to_crc(crc, bytes)
	local band, bxor, rshift = bit32.band, bit32.bxor, bit32.rshift
	for i = 1, #bytes do
		crc = bxor(rshift(crc, 8), crc_table[band(bxor(crc, bytes:byte(i)), 0xff)])
	end
	return crc
end

local function show_seal(tvb, length, tree)
	local range = tvb(HEADER_BYTES, ENVELOPE_BYTES - HEADER_BYTES)
	local item = tree:add(field.seal, range)
	local status = 0
	item:add(field.seal_crc, tvb(HEADER_BYTES, 4))
	if dps.prefs.check_seal and tvb:captured_len() >= length then
		local crc = add_to_crc(0xffffffff, tvb:raw(0, HEADER_BYTES))
		if length > ENVELOPE_BYTES then
			crc = add_to_crc(crc, tvb:raw(ENVELOPE_BYTES, length - ENVELOPE_BYTES))
		end
		local is_good = bit32.bnot(crc) == tvb(HEADER_BYTES, 4):uint() and
			tvb:raw(HEADER_BYTES + 4, 12) == ("\0"):rep(12)
		status = is_good and 1 or 2
	end
	item:add(field.seal_status, range, status):set_generated()
	if status == 2 then
		item:add_proto_expert_info(bad_seal)
	end
end

local function show_flags(tvb, tree)
	local flags = tvb(1, 1)
	local item = tree:add(field.flags, flags)
	for _, name in ipairs({ "ack_now", "fin", "resent", "has_digest", "blocked", "astray", "reserved_flags",
		"has_options" }) do
		item:add(field[name], flags)
	end
	local names = {}
	for _, flag in ipairs(flag_names) do
		if bit32.band(flags:uint(), flag[1]) ~= 0 then
			names[#names + 1] = flag[2]
		end
	end
	local text = table.concat(names, " ")
	if text ~= "" then
		item:append_text(" (" .. text .. ")")
	end
	return text
end

local function show_header(tvb, tree)
	local header = tree:add(tvb(0, HEADER_BYTES), "Header")
	header:add(field.version, tvb(0, 1))
	header:add(field.type, tvb(0, 1))
	local flags = show_flags(tvb, header)
	header:add(field.payload_bytes, tvb(2, 2))
	header:add(field.sent_at, tvb(4, 4))
	header:add(field.connection_id, tvb(8, 8))
	header:add(field.packet_number, tvb(16, 8))
	local number = tvb(16, 8):uint64()
	header:add(field.key_phase, tvb(16, 8), number:rshift(22)):set_generated()
	header:add(field.offset, tvb(24, 8))
	header:add(field.floor, tvb(32, 4))
	local behind = UInt64((number:lower() - tvb(32, 4):uint()) % 4294967296)
	local floor = behind <= number and number - behind or UInt64(0)
	header:add(field.floor_full, tvb(32, 4), floor):set_generated()
	header:add(field.channel, tvb(36, 4))
	return flags
end

-- Returns where the options end, or nil, and the item of one that must be understood.
local function show_options(tvb, at, stop, tree)
	local refused
	if stop - at < 2 then
		return nil
	end
	local chain_bytes = tvb(at, 2):uint()
	local chain_end = at + chain_bytes
	if chain_bytes < 2 or chain_end > stop then
		return nil
	end
	tree:add(field.options_bytes, tvb(at, 2))
	at = at + 2
	while at < chain_end do
		if chain_end - at < 2 or chain_end - at - 2 < tvb(at + 1, 1):uint() then
			return nil
		end
		local bytes = tvb(at + 1, 1):uint()
		local option = tree:add(field.option, tvb(at, 2 + bytes))
		option:add(field.option_type, tvb(at, 1))
		if tvb(at, 1):uint() >= 0x80 then
			refused = option
		end
		option:add(field.option_bytes, tvb(at + 1, 1))
		if bytes > 0 then
			option:add(field.option_value, tvb(at + 2, bytes))
		end
		at = at + 2 + bytes
	end
	return chain_end, refused
end

-- The functions below show a body and return a text for the Info column, or nil if it is broken.

local function show_data(tvb, at, stop, tree)
	local flags = tvb(1, 1):uint()
	if bit32.band(flags, FLAG_DIGEST) ~= 0 then
		if stop - at <= DIGEST_BYTES then
			return nil
		end
		tree:add(field.digest, tvb(at, DIGEST_BYTES))
		at = at + DIGEST_BYTES
	end
	if stop <= at then
		return nil
	end
	tree:add(field.data, tvb(at, stop - at))
	tree:add(field.data_bytes, tvb(at, stop - at), stop - at):set_generated()
	return ("channel %u offset %s +%u"):format(tvb(36, 4):uint(),
		tostring(tvb(24, 8):uint64()), stop - at)
end

-- Returns the text of all ranges, or nil.
local function show_ranges(tvb, at, count, largest, tree)
	local one = UInt64(1)
	local last, lowest = largest, nil
	local texts = {}
	for i = 1, count do
		local missing = UInt64(tvb(at, 4):uint())
		local length = UInt64(tvb(at + 4, 4):uint())
		if (i == 1) ~= (missing == UInt64(0)) or length == UInt64(0) then
			return nil
		end
		if i > 1 then
			if missing >= lowest then
				return nil
			end
			last = lowest - missing - one
		end
		if length - one > last then
			return nil
		end
		lowest = last - length + one
		local text = tostring(lowest) .. "-" .. tostring(last)
		local item = tree:add(field.range, tvb(at, 8), text)
		item:add(field.range_missing, tvb(at, 4))
		item:add(field.range_count, tvb(at + 4, 4))
		item:add(field.range_first, tvb(at, 8), lowest):set_generated()
		item:add(field.range_last, tvb(at, 8), last):set_generated()
		texts[i] = text
		at = at + 8
	end
	return table.concat(texts, ",")
end

local function show_ack(tvb, at, stop, tree)
	if stop - at < 40 then
		return nil
	end
	local body = tree:add(tvb(at, stop - at), "Acknowledgement")
	body:add(field.largest, tvb(at, 8))
	for i, name in ipairs({ "delay", "echo", "sequence", "ect0", "ect1", "ce" }) do
		body:add(field[name], tvb(at + 4 + i * 4, 4))
	end
	body:add(field.ranges_count, tvb(at + 32, 2))
	body:add(field.channels_count, tvb(at + 34, 2))
	body:add(field.reserved, tvb(at + 36, 4))
	local ranges, channels = tvb(at + 32, 2):uint(), tvb(at + 34, 2):uint()
	if tvb(at, 8):uint64() > PACKET_NUMBER_MAX or ranges == 0 or ranges > RANGES_MAX or
		channels > CHANNELS_MAX or stop - at ~= 40 + ranges * 8 + channels * 32 then
		return nil
	end
	local text = show_ranges(tvb, at + 40, ranges, tvb(at, 8):uint64(), body)
	if text == nil then
		return nil
	end
	at = at + 40 + ranges * 8
	for _ = 1, channels do
		local item = body:add(field.report, tvb(at, 4))
		for i = 8, 24, 8 do
			if tvb(at + i, 8):uint64() > OFFSET_MAX then
				return nil
			end
		end
		item:add(field.reserved, tvb(at + 4, 4))
		item:add(field.credit, tvb(at + 8, 8))
		item:add(field.contiguous, tvb(at + 16, 8))
		item:add(field.stored, tvb(at + 24, 8))
		text = text .. (" channel %u credit %s contiguous %s stored %s"):format(
			tvb(at, 4):uint(), tostring(tvb(at + 8, 8):uint64()),
			tostring(tvb(at + 16, 8):uint64()), tostring(tvb(at + 24, 8):uint64()))
		at = at + 32
	end
	return text
end

local function show_probe(tvb, at, stop, tree)
	if stop - at < 24 then
		return nil
	end
	tree:add(field.smoothed_rtt, tvb(at, 4))
	tree:add(field.reserved, tvb(at + 4, 4))
	tree:add(field.challenge, tvb(at + 8, 8))
	tree:add(field.answer, tvb(at + 16, 8))
	if stop - at > 24 then
		tree:add(field.padding, tvb(at + 24, stop - at - 24))
	end
	return ("%u bytes"):format(stop)
end

local function show_stream(tvb, at, stop, tree)
	local text = ("stream %u"):format(tvb(36, 4):uint())
	if stop > at then
		tree:add(field.data, tvb(at, stop - at))
		tree:add(field.data_bytes, tvb(at, stop - at), stop - at):set_generated()
	elseif bit32.band(tvb(1, 1):uint(), FLAG_FIN) == 0 then
		return text .. " how far?"
	end
	return text .. (" offset %s +%u"):format(tostring(tvb(24, 8):uint64()), stop - at)
end

local function show_stream_ack(tvb, at, stop, tree)
	if stop - at < 8 then
		return nil
	end
	local body = tree:add(tvb(at, stop - at), "Acknowledgement of streams")
	local count = tvb(at, 2):uint()
	body:add(field.streams_count, tvb(at, 2))
	if count > STREAMS_MAX or stop - at ~= 8 + count * 24 then
		return nil
	end
	local texts = {}
	at = at + 8
	for i = 1, count do
		local item = body:add(field.stream, tvb(at, 4))
		item:add(field.has_end, tvb(at + 4, 4))
		item:add(field.credit, tvb(at + 8, 8))
		item:add(field.contiguous, tvb(at + 16, 8))
		if tvb(at + 8, 8):uint64() > OFFSET_MAX or tvb(at + 16, 8):uint64() > OFFSET_MAX then
			return nil
		end
		texts[i] = ("stream %u credit %s contiguous %s%s"):format(tvb(at, 4):uint(),
			tostring(tvb(at + 8, 8):uint64()), tostring(tvb(at + 16, 8):uint64()),
			bit32.band(tvb(at + 4, 4):uint(), 1) == 1 and " end" or "")
		at = at + 24
	end
	return table.concat(texts, " ")
end

local function show_close(tvb, at, stop, tree)
	if stop - at < 4 then
		return nil
	end
	tree:add(field.reason, tvb(at, 4))
	local reason = tvb(at, 4):uint()
	return reasons[reason] or ("reason %u"):format(reason)
end

local show_body = {
	[DATA] = show_data, [ACK] = show_ack, [PROBE] = show_probe, [PING] = show_probe,
	[CLOSE] = show_close, [STREAM] = show_stream, [STREAM_ACK] = show_stream_ack,
}

-- Shows what is behind the seal; returns a text for the Info column, or nil if it is broken.
local function show_payload(tvb, length, tree)
	local at = ENVELOPE_BYTES
	if bit32.band(tvb(1, 1):uint(), FLAG_OPTIONS) ~= 0 then
		local refused
		at, refused = show_options(tvb, at, length, tree)
		if at == nil then
			return nil
		end
		if refused then
			refused:add_proto_expert_info(unknown, "Must be understood")
			return "unknown option"
		end
	end
	return show_body[bit32.band(tvb(0, 1):uint(), 15)](tvb, at, length, tree)
end

function dps.dissector(tvb, pinfo, root)
	local length = tvb:reported_len()
	pinfo.cols.protocol = "DPDK-STREAM"
	local tree = root:add(dps, tvb())
	if tvb:captured_len() < ENVELOPE_BYTES then
		tree:add_proto_expert_info(malformed, "Shorter than header and seal")
		pinfo.cols.info = "too short"
		return tvb:captured_len()
	end
	local version = bit32.rshift(tvb(0, 1):uint(), 4)
	local type = bit32.band(tvb(0, 1):uint(), 15)
	if version ~= 1 then
		tree:add(field.version, tvb(0, 1)):add_proto_expert_info(unknown)
		pinfo.cols.info = ("version %u"):format(version)
		return tvb:captured_len()
	end
	local flags = show_header(tvb, tree)
	local name = types[type] or ("type %u"):format(type)
	local info = ("%s %s"):format(name, tostring(tvb(16, 8):uint64()))
	tree:append_text(", " .. info)
	if flags ~= "" then
		info = info .. " [" .. flags .. "]"
	end
	show_seal(tvb, length, tree)
	local payload_bytes = tvb(2, 2):uint()
	if payload_bytes ~= length - ENVELOPE_BYTES or payload_bytes > PAYLOAD_BYTES_MAX then
		tree:add_proto_expert_info(malformed, "Payload bytes do not match the datagram")
		info = info .. " malformed"
	elseif tvb(16, 8):uint64() > PACKET_NUMBER_MAX or tvb(24, 8):uint64() > OFFSET_MAX then
		tree:add_proto_expert_info(malformed, "Packet number or offset past the last")
		info = info .. " malformed"
	elseif show_body[type] == nil then
		tree:add_proto_expert_info(unknown, "Reserved type")
	elseif tvb:captured_len() < length then
		info = info .. " (cut short by the capture)"
	else
		local text = show_payload(tvb, length, tree)
		if text == nil then
			tree:add_proto_expert_info(malformed, "The payload does not parse")
		end
		info = info .. " " .. (text or "malformed")
	end
	pinfo.cols.info = info
	return length
end

DissectorTable.get("udp.port"):add(7420, dps)
