-- A Wireshark dissector of netaio: frames over TCP, put together from segments, and over UDP.
-- The README beside this file says how it is installed and what it shows.

local netaio = Proto("netaio", "netaio")

local HEADER = 9
local TYPES = {
    [0] = "REQUEST_URI", [1] = "RESPOND_URI", [2] = "CREATE_URI", [3] = "UPDATE_URI",
    [4] = "DELETE_URI", [5] = "SUBSCRIBE_URI", [6] = "UNSUBSCRIBE_URI", [7] = "PUBLISH_URI",
    [8] = "NOTIFY_URI", [9] = "ADVERTISE_PEER", [10] = "OK", [11] = "CONFIRM_SUBSCRIBE",
    [12] = "CONFIRM_UNSUBSCRIBE", [13] = "PEER_DISCOVERED", [20] = "ERROR",
    [23] = "AUTH_ERROR", [24] = "NOT_FOUND", [25] = "NOT_PERMITTED", [30] = "DISCONNECT",
}
local FIRST_CUSTOM = 31

local STATUSES = { [0] = "wrong", [1] = "right", [2] = "not looked at" }

local f = {
    type = ProtoField.uint8("netaio.type", "Type", base.DEC),
    name = ProtoField.string("netaio.name", "Name"),
    auth_len = ProtoField.uint16("netaio.auth_len", "Length of the auth section", base.DEC),
    body_len = ProtoField.uint16("netaio.body_len", "Length of the body", base.DEC),
    checksum = ProtoField.uint32("netaio.checksum", "Checksum of the body (CRC-32)", base.HEX),
    status = ProtoField.uint8("netaio.checksum.status", "Checksum status", base.DEC, STATUSES),
    auth = ProtoField.none("netaio.auth", "Auth section"),
    field = ProtoField.none("netaio.auth.field", "Field"),
    field_name = ProtoField.string("netaio.auth.name", "Name"),
    field_value = ProtoField.bytes("netaio.auth.value", "Value"),
    uri_len = ProtoField.uint16("netaio.uri_len", "Length of the uri", base.DEC),
    uri = ProtoField.string("netaio.uri", "Uri", base.UNICODE),
    content = ProtoField.bytes("netaio.content", "Content"),
    text = ProtoField.string("netaio.content.text", "Content as text", base.UNICODE),
    behind = ProtoField.bytes("netaio.behind", "Behind the frame; nobody reads it"),
}
netaio.fields = {
    f.type, f.name, f.auth_len, f.body_len, f.checksum, f.status, f.auth, f.field, f.field_name,
    f.field_value, f.uri_len, f.uri, f.content, f.text, f.behind,
}

local e = {
    type = ProtoExpert.new("netaio.type.unknown", "No message has this type",
        expert.group.PROTOCOL, expert.severity.WARN),
    checksum = ProtoExpert.new("netaio.checksum.bad", "The checksum is not that of the body",
        expert.group.CHECKSUM, expert.severity.ERROR),
    auth = ProtoExpert.new("netaio.auth.bad", "The auth section is no packify dict",
        expert.group.MALFORMED, expert.severity.WARN),
    body = ProtoExpert.new("netaio.body.bad", "The uri ends past the body",
        expert.group.MALFORMED, expert.severity.ERROR),
    short = ProtoExpert.new("netaio.short", "The frame ends past the datagram",
        expert.group.MALFORMED, expert.severity.ERROR),
}
netaio.experts = { e.type, e.checksum, e.auth, e.body, e.short }

netaio.prefs.tcp = Pref.range("TCP ports", "8888", "Ports on which TCP is netaio", 65535)
netaio.prefs.udp = Pref.range("UDP ports", "8888", "Ports on which UDP is netaio", 65535)
netaio.prefs.verify = Pref.bool("Verify checksums", true, "Compute the CRC-32 of each body")

-- Which library has the operations depends on the version of Lua; from 5.3 on they are part of
-- the language, in a syntax that older ones cannot read.
local bits = bit32 or bit
if not bits then
    bits = load([[return {
        bxor = function(a, b) return a ~ b end,
        band = function(a, b) return a & b end,
        rshift = function(a, n) return a >> n end,
    }]])()
end
local bxor, band, rshift = bits.bxor, bits.band, bits.rshift

local crc_table = {}
for index = 0, 255 do
    local value = index
    for _ = 1, 8 do
        if band(value, 1) == 1 then
            value = bxor(rshift(value, 1), 0xedb88320)
        else
            value = rshift(value, 1)
        end
    end
    crc_table[index] = value
end

-- The CRC-32 of a string of bytes, as zlib has it.
local function crc32(bytes)
    local crc = 0xffffffff
    for index = 1, #bytes do
        local low = band(bxor(crc, bytes:byte(index)), 0xff)
        crc = bxor(rshift(crc, 8), crc_table[low])
    end
    -- One of the libraries has signed numbers.
    return bxor(crc, 0xffffffff) % 0x100000000
end

-- What a message type is called.
local function type_name(value)
    if TYPES[value] then return TYPES[value] end
    if value >= FIRST_CUSTOM then return "custom type " .. value end
    return "unknown type " .. value
end

local function is_type(value)
    return TYPES[value] ~= nil or value >= FIRST_CUSTOM
end

-- packify: a code whose two high bits are the width of the length that follows. All functions
-- return nil where the bytes are something else, and look at none past `stop`.

local WIDTHS = { [0] = 0, [1] = 1, [2] = 2, [3] = 4 }

local function number(tvb, at, width, stop)
    if width == 0 or at + width > stop then return nil end
    return tvb(at, width):uint()
end

-- The kind of a value, and the width of its numbers.
local function code(tvb, at, stop)
    if at >= stop then return nil end
    local value = tvb(at, 1):uint()
    return value % 64, WIDTHS[math.floor(value / 64)]
end

-- Where the items of a container are: a list of pairs of where each starts and ends.
local function items(tvb, at, stop, wanted)
    local kind, width = code(tvb, at, stop)
    if kind ~= wanted then return nil end
    local item = at + 1 < stop and WIDTHS[math.floor(tvb(at + 1, 1):uint() / 64)]
    local count = number(tvb, at + 2, width, stop)
    if not item or item == 0 or not count then return nil end
    local lengths = at + 2 + width
    local start = lengths + count * item
    if start > stop then return nil end
    local found = {}
    for index = 0, count - 1 do
        local length = number(tvb, lengths + index * item, item, stop)
        if not length or start + length > stop then return nil end
        found[#found + 1] = { start, start + length }
        start = start + length
    end
    return found
end

-- The part of a value that is its own: of bytes and text without their lengths.
local function inner(tvb, at, stop)
    local kind, width = code(tvb, at, stop)
    if kind == 1 or kind == 2 or kind == 3 then
        local length = number(tvb, at + 1, width, stop)
        if not length or at + 1 + width + length > stop then return nil end
        return kind, at + 1 + width, length
    end
    return kind, at, stop - at
end

-- Shows the auth section, and returns the names of its fields.
local function dissect_auth(tvb, at, length, tree)
    local stop = at + length
    local subtree = tree:add(f.auth, tvb(at, length))
    local fields = items(tvb, at, stop, 13)
    if not fields then
        subtree:add_proto_expert_info(e.auth)
        return {}
    end
    local names = {}
    for _, place in ipairs(fields) do
        local pair = items(tvb, place[1], place[2], 12)
        if not pair or #pair ~= 2 then
            subtree:add_proto_expert_info(e.auth)
            return names
        end
        local key, value = pair[1], pair[2]
        local kind, start, len = inner(tvb, key[1], key[2])
        local name = "?"
        if kind == 3 then name = tvb(start, len):string(ENC_UTF_8) end
        names[#names + 1] = name
        local field = subtree:add(f.field, tvb(place[1], place[2] - place[1]))
        field:set_text(name)
        if start and len > 0 then field:add(f.field_name, tvb(start, len), name) end
        local value_kind, value_start, value_len = inner(tvb, value[1], value[2])
        if value_kind and value_len > 0 then
            field:add(f.field_value, tvb(value_start, value_len))
            if value_kind == 3 then
                field:append_text(": " .. tvb(value_start, value_len):string(ENC_UTF_8))
            else
                field:append_text(": " .. tostring(tvb(value_start, math.min(value_len, 32)):bytes()):lower())
            end
        end
    end
    subtree:append_text(": " .. table.concat(names, ", "))
    return names
end

local function frame_len(tvb, at)
    return HEADER + tvb(at + 1, 2):uint() + tvb(at + 3, 2):uint()
end

local function is_printable(text)
    if #text == 0 or text:find("[%z\1-\8\11\12\14-\31\127]") or text:find("\194[\128-\159]") then
        return false
    end
    -- Each sequence of UTF-8 becomes a letter: what is left over is none.
    local more = "[\128-\191]"
    for _, sequence in ipairs({
        "[\194-\223]" .. more,
        "\224[\160-\191]" .. more,
        "[\225-\236\238\239]" .. more .. more,
        "\237[\128-\159]" .. more,
        "\240[\144-\191]" .. more .. more,
        "[\241-\243]" .. more .. more .. more,
        "\244[\128-\143]" .. more .. more,
    }) do
        text = text:gsub(sequence, "a")
    end
    return not text:find("[\128-\255]")
end

-- Whether no frame of a packet was shown yet.
local is_first = true

-- Shows one frame, all of which is there.
local function dissect_frame(tvb, pinfo, root)
    pinfo.cols.protocol = "netaio"
    local auth_len, body_len = tvb(1, 2):uint(), tvb(3, 2):uint()
    local kind, whole = tvb(0, 1):uint(), HEADER + auth_len + body_len
    local name = type_name(kind)
    local tree = root:add(netaio, tvb(0, math.min(whole, tvb:len())))
    local item = tree:add(f.type, tvb(0, 1))
    item:append_text(" (" .. name .. ")")
    tree:add(f.name, tvb(0, 1), name):set_generated()
    if not is_type(kind) then item:add_proto_expert_info(e.type) end
    tree:add(f.auth_len, tvb(1, 2))
    tree:add(f.body_len, tvb(3, 2))
    local checksum = tree:add(f.checksum, tvb(5, 4))
    if tvb:len() < whole then
        tree:add_proto_expert_info(e.short)
        return tvb:len()
    end

    local body = HEADER + auth_len
    local status = 2
    if netaio.prefs.verify then
        local bytes = body_len > 0 and tvb:raw(body, body_len) or ""
        status = crc32(bytes) == tvb(5, 4):uint() and 1 or 0
        if status == 0 then checksum:add_proto_expert_info(e.checksum) end
    end
    checksum:append_text(" (" .. STATUSES[status] .. ")")
    tree:add(f.status, tvb(5, 4), status):set_generated()

    local names = {}
    if auth_len > 0 then names = dissect_auth(tvb, HEADER, auth_len, tree) end
    local is_encrypted = false
    for _, field in ipairs(names) do
        if field == "iv" then is_encrypted = true end
    end

    local info = name
    if body_len < 2 or tvb(body, 2):uint() + 2 > body_len then
        tree:add_proto_expert_info(e.body)
    else
        local uri_len = tvb(body, 2):uint()
        tree:add(f.uri_len, tvb(body, 2))
        local uri = ""
        if uri_len > 0 then
            local range = tvb(body + 2, uri_len)
            uri = range:string(ENC_UTF_8)
            tree:add_packet_field(f.uri, range, ENC_UTF_8)
            if not is_printable(uri) then uri = "0x" .. tostring(range:bytes()):lower() end
        end
        local start = body + 2 + uri_len
        local length = body_len - 2 - uri_len
        if length > 0 then
            local range = tvb(start, length)
            tree:add(f.content, range)
            local text = range:string(ENC_UTF_8)
            if not is_encrypted and is_printable(text) then
                tree:add_packet_field(f.text, range, ENC_UTF_8)
            end
        end
        info = info .. " " .. uri .. ", " .. length .. (length == 1 and " byte" or " bytes")
    end
    if is_encrypted then
        tree:append_text(" (encrypted)")
        info = info .. ", encrypted"
    end
    if status == 0 then info = info .. ", wrong checksum" end
    tree:append_text(", " .. info)
    if not is_first then pinfo.cols.info:append("; ") end
    is_first = false
    pinfo.cols.info:append(info)
    return whole
end

-- Over a stream Wireshark puts frames together, given their lengths.
local function dissect_tcp(tvb, pinfo, root)
    pinfo.cols.info, is_first = "", true
    dissect_tcp_pdus(tvb, root, HEADER, function(part, _, at) return frame_len(part, at) end,
        dissect_frame)
    return tvb:len()
end

local function dissect_udp(tvb, pinfo, root)
    if tvb:len() < HEADER then return 0 end
    pinfo.cols.info, is_first = "", true
    local read = dissect_frame(tvb, pinfo, root)
    if read < tvb:len() then root:add(f.behind, tvb(read)) end
    return tvb:len()
end

function netaio.dissector(tvb, pinfo, root)
    if pinfo.port_type == 3 then return dissect_udp(tvb, pinfo, root) end
    return dissect_tcp(tvb, pinfo, root)
end

-- On any other port it is netaio where a whole frame, whose checksum is right, is at the start.
local function is_netaio(tvb)
    if tvb:len() < HEADER + 2 or not is_type(tvb(0, 1):uint()) then return false end
    local whole, body_len = frame_len(tvb, 0), tvb(3, 2):uint()
    if body_len < 2 or tvb:len() < whole then return false end
    local bytes = tvb:raw(whole - body_len, body_len)
    return crc32(bytes) == tvb(5, 4):uint()
end

netaio:register_heuristic("tcp", function(tvb, pinfo, root)
    if not is_netaio(tvb) then return false end
    pinfo.conversation = netaio
    dissect_tcp(tvb, pinfo, root)
    return true
end)

netaio:register_heuristic("udp", function(tvb, pinfo, root)
    if not is_netaio(tvb) then return false end
    pinfo.conversation = netaio
    dissect_udp(tvb, pinfo, root)
    return true
end)

local ports = { tcp = nil, udp = nil }
local function register()
    for transport, old in pairs(ports) do
        DissectorTable.get(transport .. ".port"):remove(old, netaio)
    end
    ports = { tcp = netaio.prefs.tcp, udp = netaio.prefs.udp }
    for transport, new in pairs(ports) do
        DissectorTable.get(transport .. ".port"):add(new, netaio)
    end
end
netaio.prefs_changed = register
register()
