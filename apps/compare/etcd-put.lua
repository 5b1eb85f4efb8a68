-- What wrk sends to etcd's JSON gateway: a put of one of 100,000 keys, with a value of 64 bytes.
local digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

local function in_base64(text) -- of a length that three divides
  return (text:gsub('...', function(three)
    local a, b, c = three:byte(1, 3)
    local bits = a * 65536 + b * 256 + c
    local four = ''
    for _, weight in ipairs({ 262144, 4096, 64, 1 }) do
      local at = math.floor(bits / weight) % 64 + 1
      four = four .. digits:sub(at, at)
    end
    return four
  end))
end

local value = in_base64(string.rep('x', 66)):sub(1, 84) .. 'eA=='

request = function()
  local key = in_base64(string.format('key:%08d', math.random(0, 99999)))
  return wrk.format('POST', '/v3/kv/put', { ['Content-Type'] = 'application/json' },
    '{"key":"' .. key .. '","value":"' .. value .. '"}')
end
