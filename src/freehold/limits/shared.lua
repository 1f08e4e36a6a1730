-- The books in Valkey or Redis: one batch, all of it or nothing. The same arithmetic as account.py and pages.py.
-- KEYS[1]: what every key begins with. ARGV[1]: the batch, as MessagePack. Numbers are whole and below 2^53.
local P = KEYS[1]
local owner, number, now, settlements, expirations, raises, truth, spares, wants, watched, beat, leave, filled, lease =
  unpack(cmsgpack.unpack(ARGV[1]))
local call = redis.call
local DAY = 86400000
local PRESSED = 5000000
local accounts, holdings, dirty, dirty_holdings = {}, {}, {}, {}

local function text(number) return string.format('%.0f', number) end

local function slots_in(key)
  local flat, found = call('HGETALL', key), {}
  for at = 1, #flat, 2 do found[tonumber(flat[at])] = tonumber(flat[at + 1]) end
  return found
end

-- counter: {name, slot_us, slots, until_us}
local function account_of(counter)
  local name = counter[1]
  local account = accounts[name]
  if account == nil then
    local read = call('HMGET', P .. ':c:' .. name, 'reserved', 'settled', 'released', 'expired', 'held', 'pressed_us')
    account = {counter = counter, fresh = not read[1], gone = {spent = {}, lapsed = {}}, moved = {spent = {}, lapsed = {}}}
    for at, field in ipairs({'reserved', 'settled', 'released', 'expired', 'held', 'pressed_us'}) do
      account[field] = tonumber(read[at] or '0')
    end
    if counter[2] > 0 then
      account.spent, account.lapsed = slots_in(P .. ':s:' .. name), slots_in(P .. ':l:' .. name)
    end
    accounts[name] = account
  end
  return account
end

local function holding_of(holder, counter)
  local of_holder = holdings[holder]
  if of_holder == nil then of_holder = {}; holdings[holder] = of_holder end
  local holding = of_holder[counter[1]]
  if holding == nil then
    holding = {
      held = tonumber(call('HGET', P .. ':h:' .. holder, counter[1]) or '0'),
      expired = tonumber(call('HGET', P .. ':e:' .. holder, counter[1]) or '0'),
    }
    of_holder[counter[1]] = holding
  end
  return holding
end

local function change(counter)
  local account = account_of(counter)
  dirty[counter[1]] = account
  return account
end

local function change_holding(holder, counter)
  local holding = holding_of(holder, counter)
  dirty_holdings[holder] = dirty_holdings[holder] or {}
  dirty_holdings[holder][counter[1]] = holding
  return holding
end

local function sum_of(account, kind, oldest)
  local sum, slots = 0, account[kind]
  for slot, amount in pairs(slots) do
    if slot < oldest then
      slots[slot] = nil
      account.gone[kind][slot] = true
    else
      sum = sum + amount
    end
  end
  return sum
end

local function charged_of(account)
  local counter = account.counter
  if counter[2] == 0 then return account.settled + account.expired end
  if counter[2] < 0 then return 0 end
  local oldest = math.floor(now / counter[2]) - counter[3]
  return sum_of(account, 'spent', oldest) + sum_of(account, 'lapsed', oldest)
end

local function into_slot(account, kind, amount)
  local counter = account.counter
  if counter[2] > 0 and amount > 0 then
    local slot = math.floor(now / counter[2])
    account[kind][slot] = (account[kind][slot] or 0) + amount
    account.moved[kind][slot] = true
  end
end

local function charge(account, amount)
  account.settled = account.settled + amount
  into_slot(account, 'spent', amount)
end

local function settle(holder, counter, amount, actual, over, unused)
  local account, holding = change(counter), change_holding(holder, counter)
  local held = math.min(amount, holding.held)
  local late = math.min(amount - held, holding.expired)
  holding.held, holding.expired = holding.held - held, holding.expired - late
  account.held, account.expired = account.held - held, account.expired - late
  account.reserved = account.reserved + (amount - held - late) + over
  account.released = account.released + unused
  charge(account, actual)
end

local function expire(holder, counter, amount)
  local account, holding = change(counter), change_holding(holder, counter)
  amount = math.min(amount, holding.held)
  holding.held, holding.expired = holding.held - amount, holding.expired + amount
  account.held, account.expired = account.held - amount, account.expired + amount
  into_slot(account, 'lapsed', amount)
  if amount > 0 then
    local key = P .. ':w:' .. counter[1]  -- whose, for when a person releases it
    call('SADD', key, holder)
    call('PEXPIRE', key, text(7 * DAY))
  end
end

-- The process is taken to be gone: what its calls held is charged, and the rest is free.
local function lapse(holder, counter)
  local account, holding = change(counter), change_holding(holder, counter)
  local spare = tonumber(call('HGET', P .. ':f:' .. holder, counter[1]) or '0')
  spare = math.min(spare, holding.held)
  holding.held, account.held = holding.held - spare, account.held - spare
  account.released = account.released + spare
  expire(holder, counter, holding.held)
end

local function adjust(counter, said)
  local account, holding = change(counter), change_holding(owner, counter)
  local more = said - holding.held
  holding.held, account.held = said, account.held + more
  if more < 0 then
    account.released = account.released - more
  else
    local revived = math.min(more, holding.expired)
    holding.expired, account.expired = holding.expired - revived, account.expired - revived
    account.reserved = account.reserved + more - revived
  end
end

local function counter_of(name)
  local read = call('HMGET', P .. ':c:' .. name, 'slot_us', 'slots', 'until_us')
  return {name, tonumber(read[1] or '0'), tonumber(read[2] or '0'), tonumber(read[3] or '0')}
end

local function holdings_in(holder)
  local flat, found = call('HGETALL', P .. ':h:' .. holder), {}
  for at = 1, #flat, 2 do found[flat[at]] = tonumber(flat[at + 1]) end
  for name, holding in pairs(dirty_holdings[holder] or {}) do found[name] = holding.held end
  return found
end

local function sign() call('ZADD', P .. ':owners', text(now), owner) end

local function give_signs()
  local last = tonumber(call('GET', P .. ':beat') or '0')
  call('SET', P .. ':beat', text(now))
  local leap = now < last or now - last >= lease / 2
  for _, holder in ipairs(call('ZRANGE', P .. ':owners', 0, -1)) do
    local seen = tonumber(call('ZSCORE', P .. ':owners', holder))
    if leap or seen > now then call('ZADD', P .. ':owners', text(now), holder) end
  end
  sign()
  for _, holder in ipairs(call('ZRANGEBYSCORE', P .. ':owners', '-inf', '(' .. text(now - lease))) do
    for name, held in pairs(holdings_in(holder)) do
      if held > 0 then
        local known = accounts[name]
        lapse(holder, known and known.counter or counter_of(name))
      end
    end
    call('DEL', P .. ':f:' .. holder)
    call('ZREM', P .. ':owners', holder)
  end
  local found = call('ZRANGE', P .. ':owners', 0, -1)
  table.sort(found)
  return found
end

local function put_slots(account, kind, key)
  for slot in pairs(account.gone[kind]) do call('HDEL', key, text(slot)) end
  for slot in pairs(account.moved[kind]) do call('HSET', key, text(slot), text(account[kind][slot] or 0)) end
  call('PEXPIRE', key, text(math.ceil(account.counter[2] * (account.counter[3] + 2) / 1000) + DAY))
end

local function write()
  for name, account in pairs(dirty) do
    local key, counter = P .. ':c:' .. name, account.counter
    call('HSET', key, 'reserved', text(account.reserved), 'settled', text(account.settled),
      'released', text(account.released), 'expired', text(account.expired), 'held', text(account.held),
      'pressed_us', text(account.pressed_us))
    if account.fresh then
      call('HSET', key, 'slot_us', text(counter[2]), 'slots', text(counter[3]), 'until_us', text(counter[4]))
      if counter[4] > 0 then call('PEXPIREAT', key, text(math.ceil(counter[4] / 1000) + DAY)) end
    end
    if counter[2] > 0 then
      put_slots(account, 'spent', P .. ':s:' .. name)
      put_slots(account, 'lapsed', P .. ':l:' .. name)
    end
  end
  for holder, names in pairs(dirty_holdings) do
    for name, holding in pairs(names) do
      for _, one in ipairs({{':h:', holding.held}, {':e:', holding.expired}}) do
        local key = P .. one[1] .. holder
        if one[2] > 0 then call('HSET', key, name, text(one[2])) else call('HDEL', key, name) end
      end
    end
    call('PEXPIRE', P .. ':e:' .. holder, text(7 * DAY))
  end
end

local function pairs_in(account)
  local found = {}
  for _, kind in ipairs({'spent', 'lapsed'}) do
    for slot, amount in pairs(account[kind] or {}) do found[#found + 1] = {slot, amount} end
  end
  table.sort(found, function(one, other) return one[1] < other[1] end)
  return found
end

local function is_pressed(account)
  return account.pressed_us > 0 and math.abs(now - account.pressed_us) < PRESSED
end

local function decide(wanted)
  local granted, sums = true, {}
  for at, want in ipairs(wanted) do
    local account = account_of(want[1])
    local charged = charged_of(account)
    sums[at] = {charged, account.held, is_pressed(account)}
    if charged + account.held + want[2] > want[3] then granted = false end
  end
  if not granted then
    local slots = {}
    for at, want in ipairs(wanted) do
      local charged, held = sums[at][1], sums[at][2]
      if charged + want[2] <= want[3] and charged + held + want[2] > want[3] then change(want[1]).pressed_us = now end
    end
    for at, want in ipairs(wanted) do slots[at] = pairs_in(account_of(want[1])) end
    return {false, sums, slots}
  end
  for at, want in ipairs(wanted) do
    local account, holding = change(want[1]), change_holding(owner, want[1])
    account.reserved, account.held = account.reserved + want[2], account.held + want[2]
    holding.held = holding.held + want[2]
    sums[at][2] = sums[at][2] + want[2]
  end
  return {true, sums, {}}
end

local time = call('TIME')
local server = tonumber(time[1]) * 1000000 + tonumber(time[2])
if filled ~= '' then call('SET', P .. ':epoch', filled, 'NX') end
local epoch = call('GET', P .. ':epoch') or ''
if number <= tonumber(call('GET', P .. ':n:' .. owner) or '0') then
  return cmsgpack.pack({{}, {}, {}, epoch, true, false, server})
end
call('SET', P .. ':n:' .. owner, text(number), 'EX', 7 * 86400)
local lapsed = not call('ZSCORE', P .. ':owners', owner)
for _, one in ipairs(settlements) do settle(unpack(one)) end
for _, one in ipairs(expirations) do expire(owner, one[1], one[2]) end
for _, one in ipairs(raises) do
  local account = change(one[1])
  local missing = one[2] - charged_of(account)
  if missing > 0 and one[1][2] >= 0 then
    account.reserved = account.reserved + missing
    charge(account, missing)
  end
end
if lapsed and (#wants > 0 or truth) then sign() end
if truth then
  local said = {}
  for _, one in ipairs(truth) do said[one[1][1]] = one end
  for name, held in pairs(holdings_in(owner)) do
    if said[name] == nil and held > 0 then
      adjust(accounts[name] and accounts[name].counter or counter_of(name), 0)
    end
  end
  for _, one in pairs(said) do adjust(one[1], one[2]) end
end
for _, one in ipairs(spares) do
  local key = P .. ':f:' .. owner
  if one[2] > 0 then call('HSET', key, one[1][1], text(one[2])) else call('HDEL', key, one[1][1]) end
  call('PEXPIRE', key, text(7 * DAY))
end
local owners = {}
if beat then owners = give_signs() end
if leave then call('ZREM', P .. ':owners', owner) end
local verdicts, sums = {}, {}
if epoch == '' then wants = {} end
for at, wanted in ipairs(wants) do verdicts[at] = decide(wanted) end
for at, counter in ipairs(watched) do
  local account = account_of(counter)
  sums[at] = {charged_of(account), account.held, is_pressed(account)}
end
write()
return cmsgpack.pack({verdicts, sums, owners, epoch, false, lapsed, server})
